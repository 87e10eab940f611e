"""Where the lines of a log begin, told from the bytes around alone, and what a line says.

A line ends with a newline. One that is very long (50 MB without a newline, or a progress bar that
has overwritten itself for days) is cut at every multiple of `PIECE_BYTES` before which there was no
newline for as many bytes. So wherever reading begins, it finds the same lines, and reads little.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.log_text import clean_line
from core.monitor.log_level import Level, is_bar, next_level

PIECE_BYTES = 16 * 1024
"""No line is longer than twice this."""


@dataclass(frozen=True)
class Span:
    """A line as bytes: where it begins and ends, its newline included."""

    start: int
    end: int
    data: bytes

    @property
    def is_cut(self) -> bool:
        """Whether it has no newline: another piece follows, or it is still being written."""
        return not self.data.endswith(b"\n")


@dataclass(frozen=True)
class Line:
    """A line as it is shown."""

    start: int
    text: str
    level: Level


def split(data: bytes, start: int, is_end: bool) -> Iterator[Span]:
    """The lines in the data, which begins with a line at the offset `start`.

    What has no end yet comes last if `is_end` says that nothing follows, else it is left out.
    """
    at = 0
    while at < len(data):
        cut = _next_cut(start + at) - start
        newline = data.find(b"\n", at, cut + 1)
        if newline >= 0:
            end = newline + 1
        elif cut < len(data):
            end = cut
        elif is_end:
            end = len(data)
        else:
            return
        yield Span(start + at, start + end, data[at:end])
        at = end


def _next_cut(start: int) -> int:
    """Where a line that begins at `start` is cut, if it has not ended by then."""
    return (-(-start // PIECE_BYTES) + 1) * PIECE_BYTES


def first_break(data: bytes, base: int, offset: int) -> int | None:
    """Where the first line begins at or after the offset; None if the data does not tell.

    The data begins at `base`, at least `PIECE_BYTES` before the offset or at 0.
    """
    if offset <= 0:
        return 0
    newline = data.find(b"\n", offset - 1 - base)
    after = newline + 1 + base if newline >= 0 else base + len(data) + 1
    cut = max(1, -(-offset // PIECE_BYTES)) * PIECE_BYTES
    while cut < min(after, base + len(data)):
        if _is_cut(data, cut - base):
            return cut
        cut += PIECE_BYTES
    return after if after <= base + len(data) else None


def _is_cut(data: bytes, at: int) -> bool:
    return at >= PIECE_BYTES and data.find(b"\n", at - PIECE_BYTES, at + 1) < 0


def show(spans: list[Span], before: list[Span], is_end: bool) -> list[Line]:
    """The lines as text; `before` are some that precede them, which tell what they belong to.

    Left out are pieces of long lines that say nothing: blank ones, and overwritten progress bars.
    `is_end` says that the last one may be still being written.
    """
    level = Level.NONE
    for span in before:
        level = next_level(text_of(span), level)
    lines = []
    for span in spans:
        text = text_of(span)
        level = next_level(text, level)
        is_open = is_end and span is spans[-1]
        if span.is_cut and not is_open and (not text or _OVERWRITTEN.search(span.data)):
            continue
        lines.append(Line(span.start, text, Level.BAR if is_bar(text) else level))
    return lines


_OVERWRITTEN = re.compile(rb"\r[^\r\n]")


def text_of(span: Span) -> str:
    """The line as a terminal would have left it, in plain characters."""
    return clean_line(span.data.decode("utf-8", errors="replace").removesuffix("\n"))
