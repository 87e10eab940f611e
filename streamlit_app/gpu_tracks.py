"""The GPUs over time, read once for all sessions.

Asked for each second by all who watch: Streamlit's caches would take longer than the answer.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from core.clock import now
from core.files import Stamp, parse_json_lines, read_complete_lines, stamp
from core.monitor.energy import Span, energy_kwh, trained_spans
from core.monitor.gpu_track import GpuTrack
from core.monitor.machine_track import MachineTrack
from core.paths import Workspace
from core.run.phase import FINISHED
from core.run.status import Progress
from core.run.store import Run
from streamlit_app import session


def of_run(run: Run) -> GpuTrack | None:
    """The GPUs of a run over its attempts, as of now; None for one that never had any."""
    spans = spans_of(run)
    gpus = tuple(sorted({index for span in spans for index in span.gpus}))
    if not gpus:
        return None
    track = _track(session.workspace(), gpus, spans[0].begin, spans[-1].end)
    track.refresh()
    return track


def spans_of(run: Run) -> list[Span]:
    """When the run trained, and on which GPUs."""
    return _spans(_without_progress(run), stamp(run.paths.events))


def kwh_of(run: Run) -> float | None:
    """The energy of the run so far in kWh; None when no GPU told its power."""
    if run.status.phase in FINISHED:
        ended_at = run.status.ended_at or run.status.since
        # The last readings may come a moment after the end.
        if now() - ended_at > timedelta(minutes=1):
            return _finished_kwh(_without_progress(run))
    return _measure(run)


def since(begin: datetime, gpus: tuple[int, ...]) -> GpuTrack:
    """The GPUs from a moment on, as of now. Ask for the same few moments again and again."""
    track = _track(session.workspace(), gpus, begin, None)
    track.refresh()
    return track


def machine_since(begin: datetime) -> MachineTrack:
    """The machine from a moment on, as of now; as `since`."""
    track = _machine(session.workspace(), begin)
    track.refresh()
    return track


def _measure(run: Run) -> float | None:
    track = of_run(run)
    return energy_kwh(track, spans_of(run)) if track else None


def _without_progress(run: Run) -> Run:
    """The same as long as the run does not move."""
    return replace(run, status=replace(run.status, progress=Progress(), failure=None))


@lru_cache(maxsize=16)
def _track(
    workspace: Workspace, gpus: tuple[int, ...], begin: datetime, end: datetime | None
) -> GpuTrack:
    return GpuTrack(workspace, gpus, begin, end)


@lru_cache(maxsize=4)
def _machine(workspace: Workspace, begin: datetime) -> MachineTrack:
    return MachineTrack(workspace, begin)


@lru_cache(maxsize=256)
def _spans(run: Run, changed: Stamp) -> list[Span]:
    return trained_spans(parse_json_lines(read_complete_lines(run.paths.events)[0]), run.status)


@lru_cache(maxsize=2000)
def _finished_kwh(run: Run) -> float | None:
    return _measure(run)
