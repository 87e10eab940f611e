"""Counting the rows that are written: how many, how long, how often the same."""

from array import array
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import xxhash

from core.dataset.convert import said_in
from core.dataset.format import BadRow, Row, show
from core.dataset.report import MAX_BAD_KEPT, Extreme

BUCKETS_PER_DOUBLING = 4
"""The lengths of a histogram grow by a fifth: close enough for a plot."""

WHITE = b" \t\n\r\x0b\x0c"
LOWER = bytes(range(256)).lower()
"""Of the plain Latin letters: all others would cost as much again as the whole counting."""


class RowTally:
    """Counts what passes by. Its size grows by 20 bytes a row.

    `keys` holds a number for each row, the same for rows that say the same but for case and white
    space; `seed` is in it.
    """

    def __init__(self, seed: int = 0) -> None:
        self.turns = 0
        self.bad_rows = 0
        self.bad: list[BadRow] = []
        self.total = 0
        self.longest_bytes = 0
        self.shortest: Extreme | None = None
        self.longest: Extreme | None = None
        self.keys = array("Q")
        self._exact = array("Q")
        self._lengths = array("I")
        self._seed = seed

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return len(self._lengths)

    def add(self, row: Row, line: bytes, number: int) -> None:
        """Count a row, the JSON it became, and the line of the upload where it stood."""
        said = said_in(row)
        raw = said.encode("utf-8", "replace")
        length = len(said)
        self.total += length
        self.turns += len(row.get("messages") or row.get("completion") or ())
        if len(raw) > self.longest_bytes:
            self.longest_bytes = len(raw)
        self._lengths.append(length)
        self._exact.append(xxhash.xxh3_64_intdigest(line))
        self.keys.append(_key(raw, self._seed))
        if self.longest is None or length > self.longest.characters:
            self.longest = Extreme(length, number, show(said))
        if self.shortest is None or length < self.shortest.characters:
            self.shortest = Extreme(length, number, show(said))

    def refuse(self, row: BadRow) -> None:
        """Count a bad row, and keep it if it is among the first."""
        self.bad_rows += 1
        if len(self.bad) < MAX_BAD_KEPT:
            self.bad.append(row)

    def merge(self, later: "RowTally", lines: int) -> None:
        """Take over what was counted in a later part of the file, behind so many lines."""
        self.turns += later.turns
        self.total += later.total
        self.longest_bytes = max(self.longest_bytes, later.longest_bytes)
        self.keys.extend(later.keys)
        self._exact.extend(later._exact)
        self._lengths.extend(later._lengths)
        for row in later.bad[: MAX_BAD_KEPT - len(self.bad)]:
            self.bad.append(replace(row, line=row.line + lines))
        self.bad_rows += later.bad_rows
        self.longest = _pick(max, self.longest, later.longest, lines)
        self.shortest = _pick(min, self.shortest, later.shortest, lines)

    def take_bad_rows(self, other: "RowTally", file_name: str) -> None:
        """Take over the bad rows of another file, each told with its name."""
        for row in other.bad[: MAX_BAD_KEPT - len(self.bad)]:
            self.bad.append(replace(row, reason=f"{file_name}: {row.reason}"))
        self.bad_rows += other.bad_rows

    def also_in(self, other: "RowTally") -> list[bool]:
        """For each row whether the other has one with the same key."""
        found: list[bool] = np.isin(_numbers(self.keys), _numbers(other.keys)).tolist()
        return found

    def median(self) -> int:
        """The length that half of the rows stay below."""
        return int(np.median(_numbers(self._lengths))) if self._lengths else 0

    def histogram(self) -> tuple[tuple[int, int], ...]:
        """Pairs of a length and the rows that are at most that long, but longer than the last."""
        lengths = _numbers(self._lengths)
        buckets = (np.log2(np.maximum(lengths, 1)) * BUCKETS_PER_DOUBLING).astype(int)
        found, counts = np.unique(buckets, return_counts=True)
        ends = (2 ** ((found + 1) / BUCKETS_PER_DOUBLING)).astype(int)
        longest = int(lengths.max()) if len(lengths) else 0
        return tuple(
            (min(longest, int(end)), int(count)) for end, count in zip(ends, counts, strict=True)
        )

    def duplicates(self) -> int:
        """How many rows repeat an earlier one to the letter."""
        return _count_repeats(self._exact)

    def near_duplicates(self) -> int:
        """How many rows repeat an earlier one but for case and white space."""
        return _count_repeats(self.keys)


def _pick(
    choose: Callable[..., Extreme], known: Extreme | None, later: Extreme | None, lines: int
) -> Extreme | None:
    """The longer or shorter of the two, the earlier one where they are alike."""
    if later is None:
        return known
    later = replace(later, line=later.line + lines)
    return choose(known, later, key=lambda one: one.characters) if known else later


def _key(raw: bytes, seed: int) -> int:
    """64 bits that are the same for texts that differ in white space and case alone."""
    return xxhash.xxh3_64_intdigest(raw.translate(LOWER, WHITE), seed=seed)


def _numbers(values: "array[int]") -> "np.ndarray":
    return np.frombuffer(values, dtype=np.dtype(values.typecode))


def _count_repeats(keys: "array[int]") -> int:
    return len(keys) - len(np.unique(_numbers(keys))) if keys else 0
