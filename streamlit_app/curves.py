"""The numbers of one run, kept small enough for a million log events."""

import math
import threading
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.files import file_size, parse_json_lines, read_complete_lines
from core.numbers import is_number
from core.paths import RunPaths
from streamlit_app.resumes import Resumes, attempt_of

CHART_KEYS = ("loss", "eval_loss")


@dataclass
class Curve:
    """One metric over the steps, in the order of the steps."""

    steps: array = field(default_factory=lambda: array("d"))
    values: array = field(default_factory=lambda: array("d"))

    def add(self, step: float, value: float) -> None:
        """Append a point; a step met again was trained anew, so what came after it goes."""
        if self.steps and step <= self.steps[-1]:
            self._keep(bisect_left(self.steps, step))
        self.steps.append(step)
        self.values.append(value)

    def cut(self, last: float) -> None:
        """Forget the points after a step."""
        self._keep(bisect_right(self.steps, last))

    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Steps and values, copied, so that they stay as they are."""
        return np.array(self.steps), np.array(self.values)

    def _keep(self, count: int) -> None:
        del self.steps[count:], self.values[count:]


class Curves:
    """The loss curves and the newest value of every metric; `refresh` reads only what is new.

    Steps that a later attempt trains again count no more from the moment at which it begins.
    """

    def __init__(self, paths: RunPaths) -> None:
        self.path = paths.metrics
        self.resumes = Resumes(paths.journal)
        self.curves: dict[str, Curve] = {key: Curve() for key in CHART_KEYS}
        self.latest: dict[str, Any] = {}
        self.version = 0
        self._attempt = 0
        self._offset = 0
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Take in the whole lines added since the last call; start over if the file shrank."""
        with self._lock:
            if self._offset > file_size(self.path):
                self._reset()
            self._find_resumes()
            while self._offset < file_size(self.path) and self._read_block():
                pass

    def last(self, key: str) -> float | None:
        """The newest value of a metric, or None."""
        if key in self.curves:
            with self._lock:
                values = self.curves[key].values
                return values[-1] if values else None
        value = self.latest.get(key)
        return value if _is_finite(value) else None

    @property
    def lost_loss(self) -> bool:
        """Whether the newest loss was no finite number."""
        return "loss" in (self.latest.get("not_finite") or ())

    @property
    def has_points(self) -> bool:
        """Whether there is a loss to draw."""
        return bool(self.curves["loss"].steps)

    def points(self, key: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Steps and values of one curve."""
        with self._lock:
            return self.curves[key].arrays()

    def _find_resumes(self) -> None:
        """Cut what an attempt that has begun since the last look will train again."""
        known = len(self.resumes.begun_at)
        self.resumes.refresh()
        if len(self.resumes.begun_at) == known:
            return
        if max(self.resumes.begun_at) > self._attempt:
            self.latest = {}
        for curve in self.curves.values():
            curve.cut(self.resumes.last_kept(self._attempt))
        self.version += 1

    def _read_block(self) -> bool:
        """Take in one block; False when it holds no whole line."""
        lines, offset = read_complete_lines(self.path, self._offset)
        for row in parse_json_lines(lines):
            self._take(row)
        is_new = offset > self._offset
        self._offset = offset
        self.version += is_new
        return is_new

    def _take(self, row: dict[str, Any]) -> None:
        step: Any = row.get("step")
        if not _is_finite(step):
            return
        if attempt_of(row) > self._attempt:
            self._begin(attempt_of(row))
        if not self.resumes.keeps(row):
            return
        for key, curve in self.curves.items():
            if _is_finite(row.get(key)):
                curve.add(step, row[key])
        if "loss" in row:
            self.latest.pop("not_finite", None)
        self.latest.update(row)

    def _begin(self, attempt: int) -> None:
        """The first line of an attempt; where it went on from was written before."""
        if attempt not in self.resumes.begun_at:
            self._find_resumes()
        self._attempt = attempt
        self.latest = {}

    def _reset(self) -> None:
        self.resumes = Resumes(self.resumes.path)
        self.curves = {key: Curve() for key in CHART_KEYS}
        self.latest = {}
        self.version += 1
        self._attempt = 0
        self._offset = 0


def _is_finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)
