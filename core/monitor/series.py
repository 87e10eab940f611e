"""The numbers of one run, kept small enough for a million log events."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.files import read_block, read_tail
from core.monitor.columns import Curve, Places, copied, extend, risen
from core.monitor.resumes import Resumes, attempt_of
from core.monitor.row import KEY, MAX_NUMBER, WHERE, is_value, moment_s, parse_rows, position
from core.monitor.table import Table, tabulate
from core.paths import RunPaths

BLOCK_BYTES = 256 * 1024
MAX_LINE_BYTES = 8 * 1024 * 1024
"""A longer line is no log event."""

MAX_CURVES = 32
LASTING = ("loss", "eval_loss")
"""Their newest value stays true while a further attempt has not logged one yet."""

FEW_ROWS = 32

LOOK_S = 0.05
"""How long a page reads before it draws; the rest is read by and by."""


class Series:
    """The curves of a run over its steps; `refresh` reads only what is new.

    Steps that a later attempt trains again count no more from the moment at which it begins.
    `generation` changes whenever rows that were there are not any more. Threads may share it.
    """

    def __init__(self, paths: RunPaths) -> None:
        self.path = paths.metrics
        self.resumes = Resumes(paths.journal)
        self.generation = 0
        self.is_complete = False
        self.lost_loss = False
        self._lock = threading.RLock()
        self._inode = 0
        self._size = 0
        self._forget()

    def _forget(self) -> None:
        self.places = Places()
        self.curves: dict[str, Curve] = {}
        self.lost_loss = False
        self._ahead: dict[str, float] = {}
        self._attempt = 0
        self._attempt_row = 0
        self._origin_s = 0.0
        self._kept_up_to = math.inf
        self._offset = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing changes meanwhile."""
        with self._lock:
            yield

    def refresh(self, budget_s: float = math.inf) -> None:
        """Take in the whole lines added since the last call, for about `budget_s` at most.

        It starts over if the file shrank or is another one.
        """
        with self._lock:
            until = time.monotonic() + budget_s
            self._look()
            self._find_resumes()
            while self._read_block() and time.monotonic() < until:
                pass
            self._ahead = {} if self.is_complete else self._glance()

    @property
    def read_fraction(self) -> float:
        """How much of the file has been read, 0 to 1."""
        return 1.0 if self.is_complete else min(1.0, self._offset / max(1, self._size))

    @property
    def has_points(self) -> bool:
        """Whether there is a loss to draw."""
        return bool(len(self.curves.get("loss", ())))

    @property
    def has_rows(self) -> bool:
        """Whether anything was logged."""
        return len(self.places) > 0

    def last(self, key: str) -> float | None:
        """The newest value of a metric, or None. Speeds and the like are of this attempt only."""
        with self._lock:
            if not self.is_complete and key in self._ahead:
                return self._ahead[key]
            curve = self.curves.get(key)
            if not curve or (key not in LASTING and curve.rows[-1] < self._attempt_row):
                return None
            return float(curve.values[-1])

    def points(self, key: str) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Steps and values of one curve."""
        with self._lock:
            curve = self.curves.get(key, Curve())
            steps = copied(self.places.step, 0, len(self.places))
            return steps[copied(curve.rows, 0, len(curve))], copied(curve.values, 0, len(curve))

    def newest(self, key: str, count: int) -> NDArray[np.float32]:
        """The last values of a metric, `count` at most, the oldest first."""
        with self._lock:
            curve = self.curves.get(key, Curve())
            return copied(curve.values, max(0, len(curve) - count), len(curve))

    def lowest(self, key: str) -> tuple[float, float] | None:
        """Step and value of the lowest value of a metric, the first of equals; or None."""
        with self._lock:
            curve = self.curves.get(key)
            if not curve:
                return None
            place = curve.lowest()
            return float(self.places.step[curve.rows[place]]), float(curve.values[place])

    def _look(self) -> None:
        """How large the file is; everything is forgotten when it is not the one that was read."""
        try:
            info = self.path.stat()
            self._size, inode = info.st_size, info.st_ino
        except OSError:
            self._size, inode = 0, self._inode
        if self._offset and (self._size < self._offset or inode != self._inode):
            self.resumes = Resumes(self.resumes.path)
            self.generation += 1
            self._forget()
        self._inode = inode

    def _find_resumes(self) -> None:
        """Cut what an attempt that has begun since the last look will train again."""
        known = len(self.resumes.begun_at)
        self.resumes.refresh()
        if len(self.resumes.begun_at) == known:
            return
        if max(self.resumes.begun_at) > self._attempt:
            self._attempt_row, self.lost_loss = len(self.places), False
        self._kept_up_to = self.resumes.last_kept(self._attempt)
        _, end = self.places.span("step", -math.inf, self._kept_up_to)
        self._cut(end)

    def _cut(self, count: int) -> None:
        """Keep the first rows only."""
        if count >= len(self.places):
            return
        self.generation += 1
        self.places.cut(count)
        for curve in self.curves.values():
            curve.cut(count)
        self._attempt_row = min(self._attempt_row, count)

    def _read_block(self) -> bool:
        """Take in one block; False when nothing whole is left."""
        data = read_block(self.path, self._offset, BLOCK_BYTES)
        end = data.rfind(b"\n") + 1
        if not end and len(data) == BLOCK_BYTES:
            data = read_block(self.path, self._offset, MAX_LINE_BYTES)
            end = data.rfind(b"\n") + 1
            if not end and len(data) == MAX_LINE_BYTES:
                end = len(data)
        self._take_all(list(parse_rows(data[:end].split(b"\n")[:-1])))
        self._offset += end
        self.is_complete = self._offset + len(data) - end >= self._size
        return not self.is_complete and end > 0

    def _take_all(self, rows: list[dict[str, Any]]) -> None:
        at_once = tabulate(rows) if len(rows) >= FEW_ROWS else None
        if at_once is None or not self._append(at_once):
            for row in rows:
                self._take(row)

    def _append(self, table: Table) -> bool:
        """Take many rows at once; False, with nothing done, where they have to be taken singly."""
        if self.places.step and table.steps[0] < self.places.step[-1]:
            return False
        if table.attempt != self._attempt or table.steps[-1] > self._kept_up_to:
            return False
        if not self._all_follow(table):
            return False
        tokens_before, epoch_before, clock_before = self._newest_place()
        clock = risen(table.clock, clock_before)
        self._find_origin(float(clock[0]), clock_before, table.attempt)
        if not clock[0] and clock[-1]:
            return False
        first, places = len(self.places), self.places
        extend(places.step, table.steps)
        extend(places.tokens, risen(table.tokens, tokens_before))
        extend(places.epoch, risen(table.epoch, epoch_before))
        extend(places.clock, clock)
        extend(places.time, clock - self._origin_s)
        for key, (rows, values) in table.curves.items():
            if (curve := self._new_curve(key)) is not None:
                extend(curve.rows, rows + first)
                extend(curve.values, values)
                self.lost_loss = self.lost_loss and key != "loss"
        return True

    def _all_follow(self, table: Table) -> bool:
        """Whether no value is of a step that its curve has already."""
        for key, (rows, _) in table.curves.items():
            curve = self.curves.get(key)
            if curve and self.places.step[curve.rows[-1]] >= table.steps[rows[0]]:
                return False
        return True

    def _take(self, row: dict[str, Any]) -> None:
        step = position(row, "step")
        if step is None:
            return
        attempt = attempt_of(row)
        if attempt > self._attempt:
            self._begin(attempt)
        kept_up_to = (
            self._kept_up_to if attempt == self._attempt else self.resumes.last_kept(attempt)
        )
        if step > kept_up_to:
            return
        if self.places.step and step < self.places.step[-1]:
            self._go_back(row, step, attempt)
        else:
            self._place(row, step, attempt)
            self._keep_values(row, len(self.places) - 1)

    def _go_back(self, row: dict[str, Any], step: float, attempt: int) -> None:
        """A step that comes late, or is trained anew though nothing told so."""
        place, end = self.places.span("step", step, step)
        if place == end:
            self._cut(place)
            self._place(row, step, attempt)
        self.generation += 1
        self._keep_values(row, place)

    def _begin(self, attempt: int) -> None:
        """The first line of an attempt; where it went on from was written before."""
        if attempt not in self.resumes.begun_at:
            self._find_resumes()
        self._attempt, self._attempt_row = attempt, len(self.places)
        self._kept_up_to = self.resumes.last_kept(attempt)
        self.lost_loss = False

    def _place(self, row: dict[str, Any], step: float, attempt: int) -> None:
        """Where the row stands on each axis; what it does not tell is as in the row before."""
        tokens_before, epoch_before, clock_before = self._newest_place()
        tokens, epoch = position(row, "tokens"), position(row, "epoch", MAX_NUMBER)
        clock = max(moment_s(row.get("at")) or 0.0, clock_before)
        self._find_origin(clock, clock_before, attempt)
        places = self.places
        places.step.append(step)
        places.tokens.append(max(tokens or 0.0, tokens_before))
        places.epoch.append(max(epoch or 0.0, epoch_before))
        places.clock.append(clock)
        places.time.append(clock - self._origin_s)

    def _newest_place(self) -> tuple[float, float, float]:
        places = self.places
        if not places.step:
            return 0.0, 0.0, 0.0
        return places.tokens[-1], places.epoch[-1], places.clock[-1]

    def _find_origin(self, clock: float, clock_before: float, attempt: int) -> None:
        """From which moment on seconds are counted, so that pauses do not count."""
        count = len(self.places)
        before = self.places.time[-1] if count else 0.0
        if count <= self._attempt_row:
            since = self.resumes.began_s.get(attempt, clock)
            self._origin_s = clock - before - max(0.0, clock - max(since, clock_before))
        elif not clock_before:
            # No row told its time so far.
            self._origin_s = clock - before

    def _keep_values(self, row: dict[str, Any], place: int) -> None:
        curves = self.curves
        for key, value in row.items():
            if key in WHERE or (type(value) is not float and type(value) is not int):
                continue
            if not -MAX_NUMBER < value < MAX_NUMBER:
                continue
            curve = curves.get(key) or self._new_curve(key)
            if curve is not None:
                self._replace(curve, place)
                curve.rows.append(place)
                curve.values.append(value)
        lost = row.get("not_finite")
        if "loss" in row:
            self.lost_loss = False
        elif isinstance(lost, list) and "loss" in lost:
            self.lost_loss = True

    def _replace(self, curve: Curve, place: int) -> None:
        """Forget values of this step and later: an evaluation is made again at a resume."""
        steps = self.places.step
        if curve.rows and steps[curve.rows[-1]] >= steps[place]:
            curve.cut(self.places.span("step", steps[place], steps[place])[0])
            self.generation += 1

    def _new_curve(self, key: str) -> Curve | None:
        if key in self.curves:
            return self.curves[key]
        if len(self.curves) >= MAX_CURVES or not KEY.fullmatch(key):
            return None
        return self.curves.setdefault(key, Curve())

    def _glance(self) -> dict[str, float]:
        """The newest values, from the end of a file that is not read through yet."""
        lines = read_tail(self.path, 16 * 1024).encode().splitlines()
        return {
            key: float(value)
            for row in parse_rows(lines)
            for key, value in row.items()
            if is_value(value)
        }
