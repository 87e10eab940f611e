"""Searching a log of any size, a slice at a time.

What is compared is what is shown: no hit tells what stands in a masked token or a hidden line.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from core.monitor.log_file import LogFile
from core.monitor.log_level import SIGNS_OF_ERRORS, SIGNS_OF_WARNINGS, Level, own_level
from core.monitor.log_lines import Span, show
from core.monitor.log_walk import Find, find_any, walk
from core.monitor.log_window import open_start

MAX_TEXT = 200
MAX_HITS = 200
BUDGET_S = 0.1
_ESCAPES = rb"(?:\x1b\[[0-9;]*[A-Za-z])*"


class Wanted(Protocol):
    """What a line is looked for by."""

    def finder(self, has_escapes: bool) -> Find:
        """Finds in raw bytes every place where it is, and perhaps others."""

    def holds(self, text: str) -> bool:
        """Whether the line, as it is shown, is one of those that are looked for."""


@dataclass(frozen=True)
class Text:
    """Lines that hold the text, in small letters or capitals."""

    text: str

    @property
    def lowered(self) -> str:
        return self.text[:MAX_TEXT].lower()

    def finder(self, has_escapes: bool) -> Find:
        if not self.lowered.strip():
            return find_any(())
        # Colours may begin or end within what is looked for.
        if self.lowered.isascii() and not has_escapes:
            return _find_ascii(self.lowered.encode())
        return _find_letters(self.lowered, _ESCAPES if has_escapes else b"")

    def holds(self, text: str) -> bool:
        return self.lowered in text.lower()


class Troubles:
    """Lines that are warnings or errors by their own words."""

    def finder(self, has_escapes: bool) -> Find:
        return find_any((*SIGNS_OF_ERRORS, *SIGNS_OF_WARNINGS))

    def holds(self, text: str) -> bool:
        # What is indented belongs to the line above.
        return own_level(text) in (Level.ERROR, Level.WARNING) and not text[:1].isspace()


@dataclass(frozen=True)
class Hits:
    """Where the lines begin that are looked for, and where to go on."""

    starts: tuple[int, ...]
    next: int
    is_done: bool
    """Whether the log has been searched to its end as it is now."""


def search(
    log: LogFile,
    wanted: Wanted,
    start: int,
    ceiling: int | None = None,
    clock: Callable[[], float] = monotonic,
) -> Hits:
    """The wanted lines from `start` on, where one begins.

    It stops after a tenth of a second, or after 200 of them, and says where to go on. A line that
    is still being written is looked at, and then looked at again.
    """
    ceiling = log.size if ceiling is None else min(ceiling, log.size)
    until, at, found = clock() + BUDGET_S, start, []
    for piece in walk(log, start, ceiling):
        for span in piece.spans(wanted.finder(b"\x1b" in piece.data)):
            at = span.end
            if _holds(log, wanted, span):
                found.append(span.start)
            if len(found) == MAX_HITS or clock() > until:
                return _hits(log, found, at, ceiling)
        at = piece.end
        if clock() > until:
            break
    return _hits(log, found, at, ceiling)


def _hits(log: LogFile, found: list[int], at: int, ceiling: int) -> Hits:
    is_done = at >= ceiling
    return Hits(tuple(found), open_start(log) if at == log.size else at, is_done)


def _holds(log: LogFile, wanted: Wanted, span: Span) -> bool:
    masked = Span(span.start, span.end, log.read_masked(span.start, span.end))
    return any(wanted.holds(line.text) for line in show([masked], [], span.end == log.size))


def _find_ascii(lowered: bytes) -> Find:
    whole: list[bytes] = []

    def find(data: bytes, at: int) -> int:
        if not whole:
            whole.append(data.lower())
        return whole[0].find(lowered, at)

    return find


def _find_letters(lowered: str, between: bytes) -> Find:
    pattern = re.compile(between.join(_either_case(letter) for letter in lowered))

    def find(data: bytes, at: int) -> int:
        match = pattern.search(data, at)
        return match.start() if match else -1

    return find


def _either_case(letter: str) -> bytes:
    forms = {form.encode(errors="replace") for form in (letter, letter.upper(), letter.title())}
    return b"(?:" + b"|".join(re.escape(form) for form in sorted(forms)) + b")"
