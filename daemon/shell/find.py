"""From what was typed to the run that was meant."""

from collections.abc import Sequence

from core.errors import RecordError, TrainerUIError
from core.files import load_json
from core.paths import RunPaths
from core.run.phase import FINISHED
from core.run.status import from_record
from core.run.store import Run, Store
from daemon.shell.terminal import one_line

MAX_LISTED = 10


class ShellError(TrainerUIError):
    """A command cannot be done as it was given."""


def find_run(store: Store, word: str) -> Run:
    """The run with that id, that name, or the only one whose id begins so.

    Of several with one name the unfinished one is meant, else the newest. Raises ShellError when
    there is none, when several are meant, or when its record cannot be read.
    """
    by_id = store.find_run(word)
    if by_id:
        return by_id
    named = [run for run in store.runs() if run.status.name == word]
    if named:
        return _pick_named(word, named)
    return _read(_find_by_prefix(store, word))


def _pick_named(word: str, named: Sequence[Run]) -> Run:
    unfinished = [run for run in named if run.status.phase not in FINISHED]
    if len(unfinished) > 1:
        lines = [f"{run.run_id} ({run.status.phase})" for run in unfinished]
        raise ShellError(_several(word, "is the name of", lines))
    return (unfinished or named)[0]


def _find_by_prefix(store: Store, word: str) -> RunPaths:
    folders = [paths for paths in store.workspace.run_folders() if word]
    # An id in full is meant even where it begins another one, as a number at its end does.
    exact = [paths for paths in folders if paths.run_id == word]
    found = exact or [paths for paths in folders if paths.run_id.startswith(word)]
    if not found:
        raise ShellError(f"There is no run with the id or the name `{one_line(word)}`.")
    if len(found) > 1:
        raise ShellError(_several(word, "begins", [paths.run_id for paths in reversed(found)]))
    return found[0]


def _read(paths: RunPaths) -> Run:
    try:
        return Run(paths, from_record(load_json(paths.status)))
    except FileNotFoundError as error:
        raise ShellError(f"Run {paths.run_id} has no status yet; the daemon writes it.") from error
    except (OSError, RecordError) as error:
        raise ShellError(f"Run {paths.run_id} cannot be read: {one_line(str(error))}") from error


def _several(word: str, how: str, lines: Sequence[str]) -> str:
    listed = [*lines[:MAX_LISTED], *(["…"] if len(lines) > MAX_LISTED else [])]
    return "\n  ".join([f"`{one_line(word)}` {how} {len(lines)} runs. Which one?", *listed])
