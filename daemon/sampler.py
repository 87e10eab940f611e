"""Writes down what the GPUs do: a row per GPU per second and per minute, a file per UTC day."""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Protocol

from core import clock
from core.files import append_lines
from core.gpu import CSV_HEADER, to_row
from core.paths import Workspace
from daemon.minutes import Minutes
from daemon.nvml import GpuReading
from daemon.tidying import KEEP_DAYS, tidy

log = logging.getLogger(__name__)

INTERVAL_S = 1.0
STOP_TIMEOUT_S = 5.0


class GpuReader(Protocol):
    """What the sampler needs of `Nvml`."""

    def read(self) -> list[GpuReading]: ...


class AlsoSampled(Protocol):
    """What else is read at every turn, when it thinks that it is time."""

    def tick(self) -> None: ...


class Sampler:
    """Samples the GPUs each second in a thread of its own; outlives every error."""

    def __init__(
        self,
        workspace: Workspace,
        nvml: GpuReader,
        keep_days: int = KEEP_DAYS,
        interval_s: float = INTERVAL_S,
        also: Sequence[AlsoSampled] = (),
    ) -> None:
        self.latest: list[GpuReading] = []
        self._workspace = workspace
        self._nvml = nvml
        self._keep_days = keep_days
        self._interval_s = interval_s
        self._also = also
        self._minutes = Minutes(workspace)
        self._tidied: date | None = None
        self._logged: dict[tuple[type[Exception], int | None], date] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Sample each second from now on."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="gpu-sampler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; waits at most 5 s, for a driver may hang."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT_S)
            if not self._thread.is_alive():
                self._try(self._minutes.close)

    def tick(self) -> None:
        """One turn: sample, fold the minute that ended, once a day tidy up; raises nothing."""
        for also in self._also:
            self._try(also.tick)
        for step in (self.sample_once, self._keep_minutes, self._tidy_once_a_day):
            self._try(step)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # The thread must live on, whatever happens.
            self._log_once(error)

    def sample_once(self) -> None:
        """Read the GPUs and append one row each; without a GPU nothing is written."""
        try:
            readings = self._nvml.read()
        except Exception:
            self.latest = []
            raise
        self.latest = readings
        if readings:
            day = readings[0].snapshot.at.date()
            rows = [to_row(reading.snapshot) for reading in readings]
            path = self._workspace.gpu_day(day)
            path.parent.mkdir(parents=True, exist_ok=True)
            append_lines(path, rows, CSV_HEADER)

    def _keep_minutes(self) -> None:
        self._minutes.take([reading.snapshot for reading in self.latest])

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            self.tick()
            due = next_due(due, time.monotonic(), self._interval_s)

    def _tidy_once_a_day(self) -> None:
        if not self.latest:
            return
        today = self.latest[0].snapshot.at.date()
        if today != self._tidied:
            # Before the work, so that one that fails is not tried every second.
            self._tidied = today
            tidy(self._workspace.gpu, today, self._keep_days)
            minutes = self._workspace.gpu_minutes_day(today).parent
            if minutes.is_dir():
                tidy(minutes, today, self._keep_days)

    def _log_once(self, error: Exception) -> None:
        """Log one line per kind of error a day."""
        kind = (type(error), error.errno if isinstance(error, OSError) else None)
        today = clock.now().date()
        if self._logged.get(kind) != today:
            self._logged[kind] = today
            log.error("The machine's readings were not kept; trying on: %s", error, exc_info=error)


def next_due(due: float, now: float, interval_s: float) -> float:
    """The next beat of the grid that `due` is on, after `now`: no drift, and no burst."""
    missed = max(0, math.floor((now - due) / interval_s))
    return due + (missed + 1) * interval_s
