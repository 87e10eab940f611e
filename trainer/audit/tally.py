"""Counts what rows become; the counts of several processes add up."""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from core.audit.result import MAX_NAMED_ROWS, Bar
from trainer.audit.answers import Answers

MASKED = -100
ENDS_WITHIN = 3
"""An end token counts when it is among the last learned ones: a template may put a line break
behind it."""

MAX_POSITIONS = 4096
"""Of longer rows the learned tokens are counted at so many positions, in equal steps."""


class Row(NamedTuple):
    """A row by the number of its dataset and its place there."""

    source: int
    at: int


class Tokens(NamedTuple):
    """What Axolotl makes of a row, or of a piece of its text."""

    ids: list[int]
    labels: list[int]


@dataclass
class Few:
    """Rows that something holds for: all counted, the first kept."""

    count: int = 0
    first: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        self.count += 1
        if len(self.first) < MAX_NAMED_ROWS:
            self.first.append(row)

    def merge(self, other: "Few") -> None:
        self.count += other.count
        self.first = sorted([*self.first, *other.first])[:MAX_NAMED_ROWS]


@dataclass
class Tally:
    """What was counted so far; `rows` are those to train on that were looked at."""

    rows: int = 0
    bars: dict[int, list[int]] = field(default_factory=dict)
    first_trained: Counter[int] = field(default_factory=Counter)
    trained_at: Any = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    longest: list[tuple[int, Row]] = field(default_factory=list)
    nothing: Few = field(default_factory=Few)
    no_end: Few = field(default_factory=Few)
    too_short: Few = field(default_factory=Few)
    empty: Few = field(default_factory=Few)
    spoiled: Few = field(default_factory=Few)
    failed: Few = field(default_factory=Few)
    reasons: dict[Row, str] = field(default_factory=dict)

    def fail(self, row: Row, reason: str) -> None:
        """Axolotl would stop at the row."""
        self.failed.add(row)
        if row in self.failed.first[-1:]:
            self.reasons[row] = reason

    def add_tokens(self, row: Row, pieces: list[Tokens], ends: frozenset[int], least: int) -> None:
        """A row of which Axolotl makes these pieces, one unless it is plain text."""
        if not pieces:
            self.empty.add(row)
            return
        learned = [self._add_piece(row, piece, least) for piece in pieces]
        if not any(len(positions) for positions in learned):
            self.nothing.add(row)
            return
        last = learned[-1][-ENDS_WITHIN:]
        if ends.isdisjoint(pieces[-1].ids[at] for at in last):
            self.no_end.add(row)

    def _add_piece(self, row: Row, piece: Tokens, least: int) -> Any:
        length = len(piece.ids)
        positions = np.flatnonzero(np.asarray(piece.labels, dtype=np.int64) != MASKED)
        if length < least:
            self.too_short.add(row)
        self._add_bar(row, length, len(positions), length)
        if len(positions):
            self.first_trained[int(positions[0])] += 1
            self._reach(length)
            self.trained_at[positions] += 1
        return positions

    def add_answers(self, row: Row, answers: Answers) -> None:
        """A row of preferences, whose answers are learned from."""
        lengths = list(answers.lengths.values())
        trained, tokens = sum(lengths), sum(lengths) + answers.prompt_length * len(lengths)
        self._add_bar(row, answers.length, trained, tokens)
        if answers.is_spoiled:
            self.spoiled.add(row)
        if not trained:
            self.nothing.add(row)
            return
        self.first_trained[answers.prompt_length] += 1
        self._reach(answers.length)
        for length in lengths:
            self.trained_at[answers.prompt_length : answers.prompt_length + length] += 1

    def _add_bar(self, row: Row, length: int, trained: int, tokens: int) -> None:
        bar = self.bars.setdefault(length, [0, 0, 0, 0])
        bar[0] += 1
        bar[1] += trained
        bar[2] += tokens
        bar[3] += not trained
        entry = (length, Row(-row.source, -row.at))  # of equal ones, the first rows
        if len(self.longest) < MAX_NAMED_ROWS:
            heapq.heappush(self.longest, entry)
        elif entry > self.longest[0]:
            heapq.heapreplace(self.longest, entry)

    def _reach(self, length: int) -> None:
        if length > len(self.trained_at):
            grown = np.zeros(max(length, 2 * len(self.trained_at)), dtype=np.int64)
            grown[: len(self.trained_at)] = self.trained_at
            self.trained_at = grown

    def merge(self, other: "Tally") -> None:
        """Add what another process counted."""
        self.rows += other.rows
        for length, counts in other.bars.items():
            bar = self.bars.setdefault(length, [0, 0, 0, 0])
            self.bars[length] = [a + b for a, b in zip(bar, counts, strict=True)]
        self.first_trained += other.first_trained
        self._reach(len(other.trained_at))
        self.trained_at[: len(other.trained_at)] += other.trained_at
        self.longest = heapq.nlargest(MAX_NAMED_ROWS, [*self.longest, *other.longest])
        heapq.heapify(self.longest)
        for name in ("nothing", "no_end", "too_short", "empty", "spoiled", "failed"):
            getattr(self, name).merge(getattr(other, name))
        self.reasons |= other.reasons

    def histogram(self) -> tuple[Bar, ...]:
        """The rows by length, shortest first."""
        return tuple(Bar(length, *self.bars[length]) for length in sorted(self.bars))

    def longest_rows(self) -> Iterator[tuple[int, Row]]:
        """The longest rows with their lengths, longest first."""
        for length, row in sorted(self.longest, reverse=True):
            yield length, Row(-row.source, -row.at)

    def trained_until(self, asked: int) -> tuple[tuple[int, int], ...]:
        """How many learned tokens stand before a position, for enough positions; `asked` is one."""
        longest = max(self.bars, default=0)
        step = max(1, -(-longest // MAX_POSITIONS))
        points = sorted({*range(0, longest + step, step), min(asked, longest + step)})
        sums = np.concatenate([[0], np.cumsum(self.trained_at)])
        return tuple((at, int(sums[min(at, len(sums) - 1)])) for at in points)
