"""The part of a log that is looked at: whole lines around, before or after an offset.

A look reads some 64 KiB, however large the log is and however long its lines are.
"""

from dataclasses import dataclass

from core.monitor.log_file import SLICE_BYTES, LogFile
from core.monitor.log_lines import PIECE_BYTES, Line, Span, first_break, show, split

LOOK_BYTES = 4 * PIECE_BYTES
MAX_LOOK_BYTES = SLICE_BYTES
"""So much is gone through at most for one line that says something."""

MAX_LINES = 400
CONTEXT_BYTES = 4 * 1024
"""So far back is looked for what the first line belongs to: the frames of a traceback."""


@dataclass(frozen=True)
class Window:
    """Lines that follow each other, and the bytes they were read from."""

    start: int
    end: int
    lines: tuple[Line, ...]
    open_at: int | None = None
    """Where the line begins that is still being written, if it is among them."""


def look_after(log: LogFile, start: int, ceiling: int | None = None) -> Window:
    """The lines from `start` on, where one begins, up to the ceiling or a screenful or two."""
    ceiling = log.size if ceiling is None else min(ceiling, log.size)
    end = start
    while end < ceiling and end - start < MAX_LOOK_BYTES:
        spans = _read_after(log, end, ceiling)
        if not spans:
            break
        begin, end = end, spans[-1].end
        if lines := show(spans, _before(log, begin), end == log.size):
            return Window(start, end, tuple(lines), _open_at(spans, log))
    return Window(start, end, ())


def look_before(log: LogFile, end: int, floor: int = 0) -> Window:
    """The lines before `end`, where one begins or the log ends; none before the floor."""
    end = max(floor, min(end, log.size))
    start = end
    while start > floor and end - start < MAX_LOOK_BYTES:
        spans = _read_before(log, start, floor)
        if not spans:
            break
        reach, start = start, spans[0].start
        if lines := show(spans, _before(log, start), reach == log.size):
            return Window(start, end, tuple(lines), _open_at(spans, log))
    return Window(start, end, ())


def look_around(log: LogFile, offset: int, floor: int = 0, ceiling: int | None = None) -> Window:
    """The lines before and after the line at the offset."""
    at = max(floor, line_start(log, offset))
    before, after = look_before(log, at, floor), look_after(log, at, ceiling)
    return Window(before.start, after.end, (*before.lines, *after.lines), after.open_at)


def line_start(log: LogFile, offset: int) -> int:
    """Where the line begins in which the offset lies."""
    offset = max(0, min(offset, log.size))
    base = max(0, offset - 4 * PIECE_BYTES)
    data = log.read(base, offset + 1)
    start = first_break(data, base, base + PIECE_BYTES if base else 0)
    if start is None or start > offset:
        return offset
    starts = [span.start for span in split(data[start - base :], start, True)]
    return max((at for at in starts if at <= offset), default=start)


def open_start(log: LogFile) -> int:
    """Where the line begins that is still being written; the end of the log if there is none."""
    if not log.size or log.read(log.size - 1, log.size) == b"\n":
        return log.size
    return line_start(log, log.size - 1)


def count_lines(log: LogFile, start: int) -> tuple[int, int]:
    """How many lines end between `start` and the end of the log, and how far they were counted."""
    end = min(log.size, start + SLICE_BYTES)
    return log.read(start, end).count(b"\n"), end


def _read_after(log: LogFile, start: int, ceiling: int) -> list[Span]:
    data = log.read_masked(start, min(start + LOOK_BYTES, ceiling))
    spans = split(data, start, start + len(data) >= ceiling)
    return [span for span, _ in zip(spans, range(MAX_LINES), strict=False)]


def _read_before(log: LogFile, end: int, floor: int) -> list[Span]:
    wanted = max(floor, end - LOOK_BYTES)
    base = max(0, wanted - PIECE_BYTES)
    data = log.read_masked(base, end)
    start = floor if wanted == floor else first_break(data, base, wanted)
    if start is None or start >= end:
        return []
    return list(split(data[start - base :], start, True))[-MAX_LINES:]


def _before(log: LogFile, start: int) -> list[Span]:
    """Some lines before `start`; the first may be half of one."""
    base = max(0, start - CONTEXT_BYTES)
    return list(split(log.read_masked(base, start), base, True))


def _open_at(spans: list[Span], log: LogFile) -> int | None:
    last = spans[-1]
    return last.start if last.end == log.size and last.is_cut else None
