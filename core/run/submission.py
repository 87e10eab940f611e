"""A spec on its way, from being dropped until the daemon took or refused it."""

from dataclasses import dataclass
from pathlib import Path

from core.run.store import Store

Stamp = tuple[str, int, int]
"""What tells a file from one that takes its name later."""


@dataclass(frozen=True)
class Submission:
    """A spec that was dropped; `known` and `refused` are runs and rejected files of before."""

    file: Path
    name: str
    text: str
    known: frozenset[str]
    refused: frozenset[Stamp] = frozenset()


@dataclass(frozen=True)
class Outcome:
    """What became of it: a run, a reason why not, or neither yet."""

    run_id: str = ""
    reason: str = ""


def submit(store: Store, name: str, text: str) -> Submission:
    """Drop the spec into the queue. Raises SpecError when its name is none."""
    known = frozenset(paths.run_id for paths in store.workspace.run_folders())
    refused = frozenset(_stamp(rejected.path) for rejected in store.rejected())
    return Submission(store.submit(name, text), name, text, known, refused)


def look(store: Store, submission: Submission) -> Outcome:
    """What became of the spec as of now."""
    if submission.file.exists():
        return Outcome()
    for paths in store.workspace.run_folders():
        is_new = paths.run_id not in submission.known
        if is_new and _holds(paths.spec, submission.text) and store.find_run(paths.run_id):
            return Outcome(run_id=paths.run_id)
    for rejected in store.rejected():
        # The same text may have been refused before, when something was missing yet.
        is_new = _stamp(rejected.path) not in submission.refused
        if is_new and _holds(rejected.path, submission.text):
            return Outcome(reason=rejected.reason.strip() or "No reason was left.")
    return Outcome()


def _stamp(path: Path) -> Stamp:
    try:
        info = path.lstat()
    except OSError:
        return path.name, 0, 0
    return path.name, info.st_mtime_ns, info.st_ctime_ns


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode("utf-8")
    except OSError:
        return False
