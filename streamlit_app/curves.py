"""The numbers of one run, kept small enough for a million log events."""

import math
import threading
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.files import file_size, parse_json_lines, read_complete_lines
from core.numbers import is_number

CHART_KEYS = ("loss", "eval_loss")


@dataclass
class Curve:
    """One metric over the steps, in the order of the steps."""

    steps: array = field(default_factory=lambda: array("d"))
    values: array = field(default_factory=lambda: array("d"))

    def add(self, step: float, value: float) -> None:
        """Append a point; a step met again was trained anew, so what came after it goes."""
        if self.steps and step <= self.steps[-1]:
            keep = bisect_left(self.steps, step)
            del self.steps[keep:], self.values[keep:]
        self.steps.append(step)
        self.values.append(value)

    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Steps and values, copied, so that they stay as they are."""
        return np.array(self.steps), np.array(self.values)


class Curves:
    """The loss curves and the newest value of every metric; `refresh` reads only what is new."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.curves: dict[str, Curve] = {key: Curve() for key in CHART_KEYS}
        self.latest: dict[str, Any] = {}
        self.version = 0
        self._offset = 0
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Take in the whole lines added since the last call; start over if the file shrank."""
        with self._lock:
            if self._offset > file_size(self.path):
                self._reset()
            while self._offset < file_size(self.path) and self._read_block():
                pass

    def last(self, key: str) -> float | None:
        """The newest value of a metric, or None."""
        value = self.latest.get(key)
        return value if _is_finite(value) else None

    @property
    def lost_loss(self) -> bool:
        """Whether the newest loss was no finite number."""
        return "loss" in (self.latest.get("not_finite") or ())

    def points(self, key: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Steps and values of one curve."""
        with self._lock:
            return self.curves[key].arrays()

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
        for key, curve in self.curves.items():
            if _is_finite(row.get(key)):
                curve.add(step, row[key])
        if "loss" in row:
            self.latest.pop("not_finite", None)
        self.latest.update(row)

    def _reset(self) -> None:
        self.curves = {key: Curve() for key in CHART_KEYS}
        self.latest = {}
        self.version += 1
        self._offset = 0


def _is_finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)
