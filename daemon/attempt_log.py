"""The part of a run's log that one attempt wrote, and the lines of it that tell why it ended."""

import re
from collections import Counter
from collections.abc import Sequence

from core.log_text import clean_log

MAX_LINES = 8
LAST_LINES = 5
MAX_CHARACTERS = 300

HEADER = re.compile(r"^=== attempt (\d+), .*$", re.MULTILINE)
"""What the keeper writes when an attempt begins."""

RANK = re.compile(r"^\[rank\d+\]:\s?")
ERROR = re.compile(
    r"^((?:\w+\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Iteration|Exit|Loss|NotFound|IsEnabled))"
    r"(?:: (.*))?$"
)
"""The last line of a traceback: what was raised, and its words."""

_FRAME = re.compile(r'\s*File ".*", line \d+|\s{4,}|Traceback \(most recent call last\)')


def pick_attempt(text: str, attempt: int) -> tuple[str, ...]:
    """The lines of the attempt in the end of a log that may hold several; none if it wrote none."""
    headers = list(HEADER.finditer(text))
    if not headers:
        return tuple(clean_log(text).splitlines())
    if int(headers[-1][1]) != attempt:
        return ()
    return tuple(clean_log(text[headers[-1].end() :]).splitlines())


def find_errors(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Kind and words of every exception in the log, of whichever rank, in their order."""
    matches = (ERROR.match(RANK.sub("", line)) for line in lines)
    return [(match[1].rpartition(".")[2], match[2] or "") for match in matches if match]


def choose_lines(lines: Sequence[str], words: re.Pattern[str] | None) -> tuple[str, ...]:
    """The decisive lines: errors and those with the words; for want of any, the last lines.

    Repeated ones are told once. The frames of tracebacks decide nothing.
    """
    kept = [line for line in lines if line.strip() and not _FRAME.match(RANK.sub("", line))]
    if words is None:
        return _collapse(kept)[-LAST_LINES:]
    telling = [line for line in kept if ERROR.match(RANK.sub("", line)) or words.search(line)]
    return _collapse(telling)[-MAX_LINES:] or _collapse(kept)[-LAST_LINES:]


def _collapse(lines: Sequence[str]) -> tuple[str, ...]:
    """Each line once, where it stood last, with how often it stood there."""
    counts = Counter(lines)
    last = dict.fromkeys(reversed(lines))
    told = [(line, counts[line]) for line in reversed(last)]
    return tuple(cap(line) + (f" ({times:,} times)" if times > 1 else "") for line, times in told)


def cap(line: str) -> str:
    """The line, cut when it is too long to be read."""
    return line if len(line) <= MAX_CHARACTERS else f"{line[: MAX_CHARACTERS - 1]}…"
