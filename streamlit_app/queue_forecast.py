"""What is known of the queue, and when each of its runs will probably start."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path

from core.errors import SpecError
from core.heartbeat import Heartbeat
from core.run.duration import Trained, describe_work, estimate_s
from core.run.forecast import Asking, Forecast, Living, forecast
from core.run.phase import Phase
from core.run.status import RunStatus, elapsed_s
from core.run.store import Run
from core.settings import Settings
from core.spec.run_spec import RunSpec, recall_spec
from streamlit_app.run_index import RunIndex
from streamlit_app.spec_summary import Summary

MAX_WAITING = 30
MAX_COMPLETED = 100
MAX_ALIKE = 5
"""So many waiting runs, completed ones, and completed ones of a kind are looked at."""

DAY_S = 86_400
ENDING_S = 30.0
"""About as long takes a run that is told to pause or to cancel."""


def look_ahead(
    index: RunIndex,
    ended: Sequence[Run],
    waiting: Sequence[Run],
    live: Sequence[Run],
    seen: Heartbeat,
    settings: Settings,
    at: datetime,
) -> dict[str, Forecast]:
    """The forecast by run id of what waits, in the order of the queue; `ended` newest first."""
    gpus = [gpu.index for gpu in seen.gpus]
    past = _Past(index, ended)
    told = forecast(
        [_asking(run, past, bool(gpus), at) for run in waiting[:MAX_WAITING]],
        [_living(run, past, at) for run in live],
        gpus,
        _used_by_others(seen, live, settings.busy_gpu_mib),
    )
    return {run_id: _within_hours(one, settings, at) for run_id, one in told.items()}


class _Past:
    """How long the runs took that were completed."""

    def __init__(self, index: RunIndex, ended: Iterable[Run]) -> None:
        self._index = index
        self._alike: dict[Summary, list[Run]] = {}
        # What was imported was trained on another machine.
        completed = (
            run
            for run in ended
            if run.status.phase is Phase.COMPLETED and run.imported_from is None
        )
        for run in islice(completed, MAX_COMPLETED):
            self._alike.setdefault(index.summary(run), []).append(run)

    def takes_s(self, run: Run, gpus: int) -> float | None:
        """The seconds that the whole of it will take on so many GPUs."""
        spec = load_spec(run.paths.spec)
        alike = self._alike.get(self._index.summary(run), [])[:MAX_ALIKE]
        if spec is None or not alike:
            return None
        trained = (_trained(past) for past in alike)
        return estimate_s(describe_work(spec, gpus), [past for past in trained if past])


def _trained(run: Run) -> Trained | None:
    status, spec = run.status, load_spec(run.paths.spec)
    took_s = elapsed_s(status, status.ended_at) if status.ended_at else None
    if spec is None or took_s is None:
        return None
    work = describe_work(spec, len(status.gpus))
    return Trained(work, status.progress.epoch, status.progress.step, took_s)


def _asking(run: Run, past: _Past, has_gpus: bool, at: datetime) -> Asking:
    status, spec = run.status, load_spec(run.paths.spec)
    if spec is None or (status.gpus and not has_gpus):
        return Asking(run.run_id, not_before_s=math.inf)
    count = len(spec.gpus) if isinstance(spec.gpus, tuple) else spec.gpus
    takes_s = past.takes_s(run, count if has_gpus else 0)
    left_s = None if takes_s is None else takes_s * (1 - _kept(status))
    retry_s = (status.retry_at - at).total_seconds() if status.retry_at else 0.0
    return Asking(run.run_id, spec.gpus, left_s, max(0.0, retry_s))


def _living(run: Run, past: _Past, at: datetime) -> Living:
    return Living(run.run_id, run.status.gpus, _left_s(run, past, at))


def _left_s(run: Run, past: _Past, at: datetime) -> float | None:
    """The seconds until its GPUs are free."""
    status = run.status
    if status.phase in (Phase.PAUSING, Phase.CANCELLING):
        return ENDING_S
    if status.progress.eta_s is not None:
        return status.progress.eta_s
    takes_s, had_s = past.takes_s(run, len(status.gpus)), elapsed_s(status, at)
    # What takes longer than its like is of no known length.
    return takes_s - had_s if takes_s and had_s is not None and takes_s > had_s else None


def _kept(status: RunStatus) -> float:
    """How much of a run that goes on is done already, 0 to 1."""
    return status.progress.fraction if status.resumable else 0.0


def _used_by_others(seen: Heartbeat, live: Iterable[Run], busy_mib: float) -> set[int]:
    """The GPUs that have no run of ours, and still hold memory of somebody's."""
    ours = {index for run in live for index in run.status.gpus}
    return {
        gpu.index
        for gpu in seen.gpus
        if gpu.index not in ours and (gpu.memory_used_mib or 0) > busy_mib
    }


def _within_hours(told: Forecast, settings: Settings, at: datetime) -> Forecast:
    """No time is told that lies beyond the end of the hours at which may be trained.

    What trains now is paused then, so that nothing is known of what comes after it.
    """
    if told.starts_in_s is None or settings.training_hours is None:
        return told
    local, hours = at.astimezone(), settings.training_hours
    closes = datetime.combine(local.date(), hours.end, local.tzinfo)
    closes_s = (closes - local).total_seconds() % DAY_S
    is_open = hours.include(local.time())
    return told if is_open and told.starts_in_s < closes_s else Forecast()


@lru_cache(maxsize=1024)
def load_spec(path: Path) -> RunSpec | None:
    """The spec of a run, which never changes; None when it cannot be read."""
    try:
        spec = recall_spec(path.read_bytes(), path.parent.name)
        describe_work(spec, 1)
    except (OSError, SpecError, AttributeError, KeyError, TypeError):
        return None
    return spec
