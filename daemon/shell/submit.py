"""`submit`: check specs, drop them into the queue, and tell what became of them."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import SpecError
from core.run.phase import FINISHED, Phase
from core.run.store import Run, Store, slug
from core.run.submission import Outcome, Submission, look, submit
from core.safe_yaml import MAX_BYTES, dump_yaml, load_yaml_mapping
from core.settings import Settings, load_settings
from core.spec.check import check_spec
from daemon.shell.find import ShellError
from daemon.shell.liveness import describe, look_for_daemon
from daemon.shell.status import phase_text, progress_text
from daemon.shell.terminal import one_line, say

STDIN = "-"
POLL_S = 0.2
TAKEN_WITHIN_S = 10.0
"""A living daemon takes a spec in a moment; after this long the command does not wait on."""

OK, NOT_COMPLETED, REFUSED = 0, 1, 2


@dataclass(frozen=True)
class Checked:
    """A spec that passed the check, and the name of the file to drop it as."""

    name: str
    text: str


def submit_files(
    store: Store, files: Sequence[str], changes: dict[str, Any], until_end: bool
) -> int:
    """Drop the specs and print the id of each run; the exit code.

    `changes` go into each spec's `run:` block. Raises SpecError, before anything is dropped, if
    one cannot run.
    """
    settings = load_settings(store.workspace.settings)
    checked = [_check(store, file, changes, settings) for file in files]
    submissions = [submit(store, spec.name, spec.text) for spec in checked]
    outcomes = _await_daemon(store, submissions, until_end)
    for submission, outcome in zip(submissions, outcomes, strict=True):
        _tell(store, submission, outcome)
    run_ids = [outcome.run_id for outcome in outcomes if outcome.run_id]
    completed = [_follow(store, run_id) for run_id in run_ids] if until_end else []
    if any(outcome.reason for outcome in outcomes):
        return REFUSED
    return OK if all(completed) else NOT_COMPLETED


def _check(store: Store, file: str, changes: dict[str, Any], settings: Settings) -> Checked:
    name, raw = ("stdin" if file == STDIN else Path(file).stem), _read(file)
    try:
        raw = _with_changes(raw, changes)
        # The daemon names a run that does not name itself after the file it is dropped as.
        spec = check_spec(raw, slug(name), store.workspace.root, settings)
    except SpecError as error:
        raise SpecError(f"{file} cannot run, and nothing was submitted.\n{error}") from error
    if not slug(spec.name):
        raise SpecError(f"{file} needs a name with a letter or a digit: give it one with --name.")
    return Checked(spec.name, raw.decode())


def _read(file: str) -> bytes:
    """The spec as it stands; a byte more than is allowed tells that it is too large."""
    try:
        if file == STDIN:
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise ShellError(f"{file} cannot be read: {error.strerror}.") from error


def _with_changes(raw: bytes, changes: dict[str, Any]) -> bytes:
    """The spec with the changes in its `run:` block; without any it stays as it was written."""
    if not changes:
        return raw
    data = load_yaml_mapping(raw)
    block = data.get("run") or {}
    if not isinstance(block, dict):
        return raw
    return dump_yaml({**data, "run": {**block, **changes}}).encode()


def _await_daemon(
    store: Store, submissions: Sequence[Submission], without_limit: bool
) -> list[Outcome]:
    """What became of each spec; with nothing told of those that no daemon took in time."""
    daemon = look_for_daemon(store.workspace)
    if not daemon.lives:
        say(describe(daemon) + " The spec waits in the queue.")
    patience_s = TAKEN_WITHIN_S if daemon.lives else 0.0
    end = float("inf") if without_limit else time.monotonic() + patience_s
    outcomes: list[Outcome] = []
    for submission in submissions:
        # Of two equal specs each is another run.
        taken = {outcome.run_id for outcome in outcomes}
        own = replace(submission, known=submission.known | taken)
        while (outcome := look(store, own)) == Outcome() and time.monotonic() < end:
            time.sleep(POLL_S)
        outcomes.append(outcome)
    return outcomes


def _tell(store: Store, submission: Submission, outcome: Outcome) -> None:
    """The id of the run, or the file that waits, on stdout; a reason why not on stderr."""
    if outcome.reason:
        say(f"{one_line(submission.name)} was rejected:\n{outcome.reason}")
    else:
        print(outcome.run_id or submission.file.relative_to(store.workspace.root), flush=True)


def _follow(store: Store, run_id: str) -> bool:
    """Tell how the run goes until it is finished; whether it completed."""
    told: tuple[Phase, int] | None = None
    while True:
        run = store.find_run(run_id)
        if run is None and not store.workspace.run(run_id).folder.exists():
            say(f"{run_id} is gone: its folder was removed.")
            return False
        if run and (seen := _milestone(run)) != told:
            told = seen
            say(_line(run))
        if run and run.status.phase in FINISHED:
            return run.status.phase is Phase.COMPLETED
        time.sleep(POLL_S)


def _milestone(run: Run) -> tuple[Phase, int]:
    """What is worth a line when it changes: the phase, and each tenth of the way."""
    return run.status.phase, int(run.status.progress.fraction * 10)


def _line(run: Run) -> str:
    status = run.status
    reason = f": {one_line(status.reason)}" if status.reason else ""
    progress = progress_text(status).strip()
    return f"{run.run_id} {phase_text(status)}{reason}" + (f" [{progress}]" if progress else "")
