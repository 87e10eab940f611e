"""Numbers of a run in columns: a million rows in a hundred megabytes or less."""

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Column: TypeAlias = "array[Any]"

AXES = ("step", "tokens", "time", "clock", "epoch")
"""What a curve can be drawn over: `time` in seconds trained, `clock` in Unix seconds."""


def _wide() -> Column:
    return array("d")


def _narrow() -> Column:
    return array("f")


@dataclass
class Places:
    """Where each row stands; every axis only ever rises."""

    step: Column = field(default_factory=_wide)
    tokens: Column = field(default_factory=_wide)
    time: Column = field(default_factory=_narrow)
    clock: Column = field(default_factory=_wide)
    epoch: Column = field(default_factory=_narrow)

    def __len__(self) -> int:
        return len(self.step)

    def cut(self, count: int) -> None:
        """Keep the first rows only."""
        for name in AXES:
            del self.axis(name)[count:]

    def axis(self, name: str) -> Column:
        """The column of one of AXES."""
        column: Column = getattr(self, name)
        return column

    def span(self, name: str, begin: float, end: float) -> tuple[int, int]:
        """The rows from `begin` to `end` on an axis, both included: the first, and one past."""
        column = self.axis(name)
        return bisect_left(column, begin), bisect_right(column, end)

    def at_step(self, step: float, name: str) -> float | None:
        """Where a step lies on an axis, between the rows around it; None without any row."""
        if not self.step:
            return None
        column, row = self.axis(name), bisect_left(self.step, step)
        if row == len(self.step):
            return step if name == "step" else float(column[-1])
        right, before = self.step[row], max(0, row - 1)
        left = self.step[before]
        part = (step - left) / (right - left) if right > left else 1.0
        return float(column[before] + max(0.0, part) * (column[row] - column[before]))


@dataclass
class Curve:
    """The values of one metric, and the rows they stand in."""

    rows: Column = field(default_factory=lambda: array("I"))
    values: Column = field(default_factory=_narrow)
    _lowest: tuple[int, int] = (0, 0)
    """Of how many values the lowest is known, and its place."""

    def __len__(self) -> int:
        return len(self.values)

    def lowest(self) -> int:
        """The place of the lowest value, the first of equals; looks only at those that are new."""
        looked, place = self._lowest
        if looked < len(self):
            new = looked + int(copied(self.values, looked, len(self)).argmin())
            place = new if not looked or self.values[new] < self.values[place] else place
            self._lowest = len(self), place
        return place

    def cut(self, row: int) -> None:
        """Forget the values from a row on."""
        count = bisect_left(self.rows, row)
        del self.rows[count:], self.values[count:]
        self._lowest = (0, 0)

    def span(self, first: int, end: int) -> tuple[int, int]:
        """The places of the values in the rows from `first` up to `end`, which is left out."""
        return bisect_left(self.rows, first), bisect_left(self.rows, end)


def copied(column: Column, begin: int, end: int) -> NDArray[Any]:
    """A part of a column; a copy, so that the column may grow on."""
    kind = np.uint32 if column.typecode == "I" else np.dtype(column.typecode)
    return np.frombuffer(column, dtype=kind)[begin:end].copy() if column else np.empty(0, kind)


def extend(column: Column, values: NDArray[Any]) -> None:
    """Append values to a column."""
    kind = np.uint32 if column.typecode == "I" else np.dtype(column.typecode)
    column.frombytes(values.astype(kind).tobytes())


def risen(values: NDArray[np.float64], before: float) -> NDArray[np.float64]:
    """The values as an axis, which never falls; NaN, where nothing was told, is as before it."""
    told: NDArray[np.float64] = np.nan_to_num(values, nan=before)
    rising: NDArray[np.float64] = np.maximum(np.maximum.accumulate(told), before)
    return rising
