"""The runs on disk: records that cannot be read, and ones that say what cannot be."""

from collections.abc import Iterator

from core.errors import RecordError
from core.files import load_json
from core.lock import is_locked
from core.paths import RunPaths, Workspace
from core.run.phase import FINISHED, LIVE, Phase
from core.run.status import RunStatus, from_record
from core.run.store import Store
from daemon.shell.doctor.finding import Finding, ok, problem, warning
from daemon.shell.terminal import one_line


def check_records(workspace: Workspace, daemon_lives: bool) -> Iterator[Finding]:
    """Whether every run has a record that can be read and be true."""
    folders = workspace.run_folders()
    findings = [finding for paths in folders for finding in check_run(paths, daemon_lives)]
    yield from findings
    if not findings:
        yield ok(f"Records: all {len(folders)} can be read")


def check_run(paths: RunPaths, daemon_lives: bool) -> Iterator[Finding]:
    """What is wrong with the record of one run."""
    try:
        status = from_record(load_json(paths.status))
    except FileNotFoundError:
        yield _without_status(paths)
        return
    except (OSError, RecordError) as error:
        yield problem(
            f"Run {paths.run_id} cannot be read: {one_line(str(error))}",
            "Mend its status.json, or move its folder out of runs/; the daemon leaves it alone.",
        )
        return
    yield from _check_life(paths, status, daemon_lives)


def count_unfinished(workspace: Workspace) -> int:
    """How many runs and specs need a daemon to go on."""
    store = Store(workspace)
    return len(store.dropped()) + len(store.runs_in(Phase.QUEUED, *LIVE))


def _without_status(paths: RunPaths) -> Finding:
    if paths.spec.exists():
        return warning(
            f"Run {paths.run_id} was taken, and its status is not written yet",
            "The daemon completes it as soon as it can write.",
        )
    return warning(
        f"{paths.folder} holds neither a spec nor a status", "Remove it if nothing in it is needed."
    )


def _check_life(paths: RunPaths, status: RunStatus, daemon_lives: bool) -> Iterator[Finding]:
    try:
        is_alive = is_locked(paths.lock)
    except OSError as error:
        yield warning(f"Whether run {paths.run_id} lives cannot be told: {error}", "Look as root.")
        return
    if status.phase in LIVE and not is_alive and not daemon_lives:
        yield warning(
            f"Run {paths.run_id} counts as {status.phase}, and its training has ended",
            "The daemon finds out how, as soon as it runs.",
        )
    if status.phase in FINISHED and is_alive:
        yield problem(
            f"Run {paths.run_id} is {status.phase}, and a process of it still lives",
            f"See who holds it: fuser -v {paths.lock}",
        )
