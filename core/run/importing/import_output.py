"""Taking in a training that was made elsewhere: the folder of a completed run is made of it.

The folder is built aside and renamed in one step, so that the daemon and the pages meet it whole.
The weights stay where they are: `output` is a link to them.
"""

import contextlib
import errno
import os
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from core.clock import from_unix, to_text
from core.errors import RecordError
from core.files import append_json_line, open_untrusted, save_json, sync_folder, sync_tree
from core.paths import RUN_ID, RunPaths, Workspace
from core.run.importing.found_config import make_spec
from core.run.importing.output_folder import Found, entries_of
from core.run.importing.times import StepClock, make_clock
from core.run.importing.trainer_state import metric_rows
from core.run.phase import Phase
from core.run.status import Progress, RunStatus, to_record
from core.run.store import Run, Store, slug
from core.settings import Settings

MAX_LOG_BYTES = 1024 * 1024 * 1024
BUFFER_BYTES = 1024 * 1024
STALE_S = 24 * 3600
ATTEMPT = 1

_IMPORTING = threading.Lock()


def find_owner(store: Store, folder: Path) -> Run | None:
    """The run of ours that the folder belongs to; None for a folder from elsewhere."""
    runs = store.workspace.runs.resolve()
    if not folder.is_relative_to(runs):
        return None
    parts = folder.relative_to(runs).parts
    return store.find_run(parts[0]) if parts else None


def find_imported(store: Store, folder: Path, step: int) -> Run | None:
    """The run that was made of this folder when it was at this step."""
    for paths in store.workspace.run_folders():
        if not paths.output.is_symlink():
            continue
        run = store.find_run(paths.run_id)
        if run and run.imported_from == folder and run.status.progress.step == step:
            return run
    return None


def import_output(store: Store, settings: Settings, found: Found, name: str) -> str:
    """Make a run of the training and return its run id; the one that is there, if there is one.

    Raises RecordError when the folder has changed meanwhile, OSError when the disk fails.
    """
    # Pages are threads of one process; two must not make the same run.
    with _IMPORTING:
        known = find_imported(store, found.folder, found.state.step)
        if known:
            return known.run_id
        with _aside(store.workspace) as paths:
            _build(paths, store.workspace, settings, found, name)
            return _settle(paths, store.workspace, _make_status(found, name), found.folder)


@contextmanager
def _aside(workspace: Workspace) -> Iterator[RunPaths]:
    """A folder to build in, which is gone afterwards unless it was renamed."""
    workspace.importing.mkdir(parents=True, exist_ok=True)
    _drop_stale(workspace.importing)
    folder = workspace.importing / secrets.token_hex(8)
    folder.mkdir()
    try:
        yield RunPaths(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _drop_stale(folder: Path) -> None:
    """Remove what an import left that was ended in the middle."""
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE_S:
                shutil.rmtree(path, ignore_errors=True)


def _build(
    paths: RunPaths, workspace: Workspace, settings: Settings, found: Found, name: str
) -> None:
    """Everything but the status, which tells the run's id, and the link to the weights."""
    spec, left_out = make_spec(found.config, name, settings, workspace.root)
    clock = make_clock(found.span, found.state.step, found.checkpoints)
    paths.spec.write_text(spec, encoding="utf-8")
    paths.requests.mkdir()
    _write_metrics(paths.metrics, found, clock)
    _write_journal(paths.journal, found, clock)
    _write_events(paths.events, found, left_out)
    if found.log:
        _copy_log(found.log, paths.log)


def _write_metrics(path: Path, found: Found, clock: StepClock) -> None:
    total = {"total_steps": found.state.total_steps} if found.state.total_steps else {}
    with entries_of(found.state_path) as entries, path.open("wb", BUFFER_BYTES) as file:
        for row in metric_rows(entries):
            where = {"at": to_text(clock.at(row["step"])), "attempt": ATTEMPT, **total}
            file.write(orjson.dumps(where | row) + b"\n")


def _write_journal(path: Path, found: Found, clock: StepClock) -> None:
    state = found.state
    _tell(path, clock, "plan", 0, total_steps=state.total_steps or state.step)
    for step, _ in found.checkpoints:
        if step <= state.step:
            _tell(path, clock, "checkpoint", step, path=f"checkpoint-{step}")
    _tell(path, clock, "done", state.step)


def _tell(journal: Path, clock: StepClock, entry: str, step: int, **more: Any) -> None:
    record = {"at": to_text(clock.at(step)), "attempt": ATTEMPT, "entry": entry, "step": step}
    append_json_line(journal, record | more)


def _write_events(path: Path, found: Found, left_out: list[str]) -> None:
    """What the daemon makes a status of again, should it be lost."""
    for at_s, phase, reason, changes in (
        (found.span.began_s, Phase.RUNNING, "trained elsewhere", []),
        (found.span.ended_s, Phase.COMPLETED, reason_of(found), left_out),
    ):
        record = {"at": to_text(from_unix(at_s)), "phase": phase.value, "reason": reason}
        more = {"changes": changes} if changes else {}
        append_json_line(path, record | {"attempt": ATTEMPT} | more)


def reason_of(found: Found) -> str:
    """Where it comes from, and how far it had come if not to its end."""
    step, total = found.state.step, found.state.total_steps
    where = f"imported from {found.folder}"
    return f"{where}, at step {step:,} of {total:,}" if step < total else where


def _copy_log(source: Path, target: Path) -> None:
    """Copy the log; of a very long one the end, from a whole line on."""
    with (
        contextlib.suppress(RecordError),
        # It may be growing.
        open_untrusted(source, sys.maxsize) as file,
        target.open("wb") as copy,
    ):
        if file.seek(0, os.SEEK_END) > MAX_LOG_BYTES:
            file.seek(-MAX_LOG_BYTES, os.SEEK_END)
            file.readline(BUFFER_BYTES)
        else:
            file.seek(0)
        shutil.copyfileobj(file, copy, BUFFER_BYTES)


def _make_status(found: Found, name: str) -> RunStatus:
    state, checkpoints = found.state, found.checkpoints
    began_at, ended_at = from_unix(found.span.began_s), from_unix(found.span.ended_s)
    return RunStatus(
        run_id="",
        name=name,
        submitted_at=began_at,
        since=ended_at,
        phase=Phase.COMPLETED,
        reason=reason_of(found),
        attempt=ATTEMPT,
        started_at=began_at,
        ended_at=ended_at,
        trained_s=found.span.seconds,
        progress=Progress(
            step=state.step,
            total_steps=state.total_steps or state.step,
            epoch=state.epoch,
            tokens=state.tokens,
        ),
        latest_checkpoint=f"checkpoint-{checkpoints[-1][0]}" if checkpoints else "",
    )


def _settle(paths: RunPaths, workspace: Workspace, status: RunStatus, folder: Path) -> str:
    """Give the run its id, and its folder the place in which it is found."""
    stem = f"{status.submitted_at:%Y%m%d-%H%M%S}-{slug(status.name) or 'run'}"
    number = 1
    sync_tree(paths.folder)
    # After the files: what lies elsewhere is not ours to make durable.
    paths.output.symlink_to(folder)
    while True:
        run_id = stem if number == 1 else f"{stem}-{number}"
        if not RUN_ID.fullmatch(run_id):
            raise RecordError(f"{run_id} cannot be the id of a run; give it another name.")
        target, number = workspace.run(run_id), number + 1
        if os.path.lexists(target.folder):
            continue
        save_json(paths.status, to_record(replace(status, run_id=run_id)))
        try:
            paths.folder.rename(target.folder)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            continue
        sync_folder(workspace.runs)
        return run_id
