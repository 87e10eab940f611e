"""Goes through all rows on all cores, or through as many, spread evenly, as the time allows."""

import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from trainer.audit.rows import Source, count_rows
from trainer.audit.tally import Tally

BUDGET_S = 60.0
MAX_ROWS = 200_000
TRIED_ROWS = 200
"""So many are gone through first, to see how long one takes."""

CHECKED_ROWS = 20
"""So many chats are made in both ways, to see that nothing depends on it."""

ROWS_AT_ONCE = 500
FEW_ROWS = 2 * ROWS_AT_ONCE
"""A second process takes longer to start than these take."""


@dataclass(frozen=True)
class Pass:
    """What every process needs to know."""

    sources: list[Source]
    ends: frozenset[int]
    least: int

    def count(self, part: tuple[int, range | list[int]]) -> Tally:
        number, indices = part
        return count_rows(self.sources, number, indices, self.ends, self.least)


_at_work: Pass | None = None
"""The pass of this process; a forked one has inherited it, and nothing has to be sent."""


def count_all(work: Pass, budget_s: float = BUDGET_S, cores: int | None = None) -> Tally:
    """What becomes of the rows: of all of them unless that takes longer than the budget."""
    cores = cores or len(os.sched_getaffinity(0))
    total = sum(map(len, work.sources))
    for source in work.sources:
        source.check_reader(spread(len(source), CHECKED_ROWS))
    rows = min(total, MAX_ROWS)
    if rows > TRIED_ROWS:
        rows = max(TRIED_ROWS, min(rows, int(measure_speed(work, total) * cores * budget_s)))
    parts = list(split_rows(work.sources, rows / total if rows < total else 1.0))
    if rows < total:
        parts += list(find_suspects(work.sources, parts))
    tally = Tally()
    for part in count_here(work, parts) if rows <= FEW_ROWS else count_beside(work, parts, cores):
        tally.merge(part)
    return tally


def spread(rows: int, wanted: int) -> list[int]:
    """The places of so many rows, or of all if there are fewer, evenly spread."""
    wanted = min(rows, wanted)
    return [at * rows // wanted for at in range(wanted)]


def measure_speed(work: Pass, total: int) -> float:
    """Rows per second of one process."""
    begun = time.monotonic()
    for _ in count_here(work, split_rows(work.sources, TRIED_ROWS / total)):
        pass
    return TRIED_ROWS / max(time.monotonic() - begun, 1e-6)


def split_rows(sources: list[Source], share: float) -> Iterator[tuple[int, range | list[int]]]:
    """Parts of the work: all rows of all sources, or a share of each, spread evenly."""
    for number, source in enumerate(sources):
        rows = len(source)
        wanted = rows if share >= 1 else min(rows, max(1, round(rows * share)))
        for begin in range(0, wanted, ROWS_AT_ONCE):
            chosen = range(begin, min(wanted, begin + ROWS_AT_ONCE))
            yield number, chosen if wanted == rows else [at * rows // wanted for at in chosen]


def find_suspects(
    sources: list[Source], parts: list[tuple[int, range | list[int]]]
) -> Iterator[tuple[int, list[int]]]:
    """Parts with the rows that look as if Axolotl would stop there and are in none yet."""
    for number, source in enumerate(sources):
        chosen = {at for of, part in parts if of == number for at in part}
        suspects = [at for at in source.find_suspects() if at not in chosen]
        for begin in range(0, len(suspects), ROWS_AT_ONCE):
            yield number, suspects[begin : begin + ROWS_AT_ONCE]


def count_here(work: Pass, parts: Iterable[tuple[int, range | list[int]]]) -> Iterator[Tally]:
    """The parts one after the other in this process."""
    return map(work.count, parts)


def count_beside(
    work: Pass, parts: list[tuple[int, range | list[int]]], cores: int
) -> Iterator[Tally]:
    """The parts in processes of their own, which share what was loaded."""
    global _at_work
    _at_work = work
    with ProcessPoolExecutor(cores, get_context("fork")) as pool:
        yield from pool.map(_count_inherited, parts)


def _count_inherited(part: tuple[int, range | list[int]]) -> Tally:
    if _at_work is None:
        raise RuntimeError("a process was started without the rows that it is to count")
    return _at_work.count(part)
