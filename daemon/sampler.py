"""Writes down what the GPUs do: a row per GPU per second, a file per UTC day."""

import gzip
import logging
import math
import os
import shutil
import threading
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol

from core import clock
from core.files import append_lines, sync_folder
from core.gpu import CSV_HEADER, day_of, to_row
from core.paths import Workspace
from daemon.nvml import GpuReading

log = logging.getLogger(__name__)

INTERVAL_S = 1.0
KEEP_DAYS = 30
STOP_TIMEOUT_S = 5.0


class GpuReader(Protocol):
    """What the sampler needs of `Nvml`."""

    def read(self) -> list[GpuReading]: ...


class Sampler:
    """Samples the GPUs each second in a thread of its own; outlives every error."""

    def __init__(
        self,
        workspace: Workspace,
        nvml: GpuReader,
        keep_days: int = KEEP_DAYS,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self.latest: list[GpuReading] = []
        self._workspace = workspace
        self._nvml = nvml
        self._keep_days = keep_days
        self._interval_s = interval_s
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

    def tick(self) -> None:
        """One turn: sample, then once a day tidy the older files; raises nothing."""
        for step in (self.sample_once, self._tidy_once_a_day):
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

    def _log_once(self, error: Exception) -> None:
        """Log one line per kind of error a day."""
        kind = (type(error), error.errno if isinstance(error, OSError) else None)
        today = clock.now().date()
        if self._logged.get(kind) != today:
            self._logged[kind] = today
            log.error("The GPUs' readings were not kept; trying on: %s", error, exc_info=error)


def next_due(due: float, now: float, interval_s: float) -> float:
    """The next beat of the grid that `due` is on, after `now`: no drift, and no burst."""
    missed = max(0, math.floor((now - due) / interval_s))
    return due + (missed + 1) * interval_s


def tidy(folder: Path, today: date, keep_days: int = KEEP_DAYS) -> None:
    """Drop the days older than `keep_days` and compress those before yesterday."""
    # Yesterday stays plain: a chart across midnight then reads only the end of its file.
    for path in sorted(folder.iterdir()):
        day = day_of(path)
        if day is None:
            continue
        if day < today - timedelta(days=keep_days):
            path.unlink()
        elif day < today - timedelta(days=1) and path.suffix == ".csv":
            compress(path)


def compress(path: Path) -> None:
    """Turn `<day>.csv` into `<day>.csv.gz`; a reader finds the one or the other."""
    target = path.with_name(f"{path.name}.gz")
    aside = path.with_name(f".{target.name}.tmp")
    try:
        with path.open("rb") as source, aside.open("wb") as file:
            with gzip.GzipFile(filename="", mode="wb", fileobj=file) as packed:
                shutil.copyfileobj(source, packed)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
        sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)
    path.unlink()
