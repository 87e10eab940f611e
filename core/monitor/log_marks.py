"""Where the attempts of a log begin and where each first went wrong; nothing is sought twice."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import monotonic

from core.monitor.log_file import LogFile
from core.monitor.log_level import SIGNS_OF_ERRORS, Level, find_header, own_level
from core.monitor.log_lines import Span, text_of
from core.monitor.log_walk import Slice, find_any, walk
from core.monitor.log_window import open_start

BUDGET_S = 0.05
MAX_ATTEMPTS = 1000

_SIGN = b"=== attempt "


@dataclass(frozen=True)
class Attempt:
    """What one attempt wrote, from its first line on."""

    number: int
    """0 for what stands before the first attempt."""

    begun_at: str
    start: int
    first_error: int | None = None
    """Where the line begins that first tells of an error."""


@dataclass
class Marks:
    """What is known of a log so far. Each look goes on from where the last one ended."""

    generation: str = ""
    scanned: int = 0
    attempts: list[Attempt] = field(default_factory=list)

    def advance(self, log: LogFile, clock: Callable[[], float] = monotonic) -> None:
        """Read on in the log for a twentieth of a second, anew if it is another one."""
        if log.generation != self.generation or log.size < self.scanned:
            self.generation, self.scanned, self.attempts = log.generation, 0, []
        until = clock() + BUDGET_S
        for piece in walk(log, self.scanned, open_start(log)):
            self._take(piece)
            self.scanned = piece.end
            if clock() > until:
                return

    def is_done(self, log: LogFile) -> bool:
        """Whether nothing but an unfinished line is left."""
        return self.scanned >= open_start(log)

    def _take(self, piece: Slice) -> None:
        if not self.attempts:
            self.attempts.append(Attempt(0, "", 0))
        headers = [span for span in piece.spans(find_any((_SIGN,))) if find_header(text_of(span))]
        starts = [piece.start, *(span.start for span in headers), piece.end]
        for header, start, end in zip([None, *headers], starts, starts[1:], strict=False):
            if header:
                self._begin(header)
            self._seek_error(Slice(start, piece.data[start - piece.start : end - piece.start]))

    def _begin(self, header: Span) -> None:
        found = find_header(text_of(header))
        if not found or len(self.attempts) > MAX_ATTEMPTS:
            return
        if header.start == 0:
            self.attempts.clear()
        self.attempts.append(Attempt(*found, header.start))

    def _seek_error(self, part: Slice) -> None:
        attempt = self.attempts[-1]
        if attempt.first_error is not None:
            return
        for span in part.spans(find_any(SIGNS_OF_ERRORS)):
            if own_level(text_of(span)) is Level.ERROR:
                self.attempts[-1] = replace(attempt, first_error=span.start)
                return
