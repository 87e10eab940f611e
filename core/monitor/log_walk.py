"""Going through a log of any size, and finding the lines that may be meant."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from core.monitor.log_file import SLICE_BYTES, LogFile
from core.monitor.log_lines import PIECE_BYTES, Span, first_break, split

Find = Callable[[bytes, int], int]
"""Where in the data, from a place on, something stands; -1 when nowhere. For one data only."""


@dataclass(frozen=True)
class Slice:
    """Whole lines of a log, not masked: for looking through, not for showing."""

    start: int
    data: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.data)

    def span_at(self, at: int) -> Span:
        """The line in which this place of the data lies."""
        begin = self.data.rfind(b"\n", 0, at) + 1
        newline = self.data.find(b"\n", at)
        end = newline + 1 if newline >= 0 else len(self.data)
        spans = split(self.data[begin:end], self.start + begin, True)
        return next(span for span in spans if span.end > self.start + at)

    def spans(self, find: Find) -> Iterator[Span]:
        """Each line in which something is found, once."""
        at = 0
        while (at := find(self.data, at)) >= 0:
            span = self.span_at(at)
            yield span
            at = span.end - self.start


def walk(log: LogFile, start: int, ceiling: int) -> Iterator[Slice]:
    """The log from `start`, where a line begins, to the ceiling."""
    while start < ceiling:
        data = log.read(start, min(start + SLICE_BYTES, ceiling))
        if not data:
            return
        end = start + len(data)
        if end < ceiling:
            end = _last_break(data, start) or end
        yield Slice(start, data[: end - start])
        start = end


def find_any(words: Sequence[bytes]) -> Find:
    """Finds whichever of the words comes first."""
    places = dict.fromkeys(words, 0)

    def find(data: bytes, at: int) -> int:
        for word, place in places.items():
            if 0 <= place < at or not at:
                places[word] = data.find(word, at)
        return min((place for place in places.values() if place >= 0), default=-1)

    return find


def _last_break(data: bytes, start: int) -> int | None:
    """Where the last line begins in the data, at whose start one begins."""
    offset = start + len(data) - 3 * PIECE_BYTES
    last = first_break(data, start, offset) if offset >= start + PIECE_BYTES else None
    if last is None:
        return None
    spans = list(split(data[last - start :], last, False))
    return spans[-1].end if spans else last
