"""How serious a line of a log is, as its writer meant it."""

import re
from enum import StrEnum


class Level(StrEnum):
    """What a line is to the person who looks for what went wrong."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"
    BAR = "bar"
    HEADER = "header"
    """An attempt begins."""
    NONE = ""


HEAD_CHARACTERS = 160
"""So far into a line its level is looked for."""

_RANK = re.compile(r"^\[(?:rank)?\d+\]:\s?")
_HEADER = re.compile(
    r"^=== attempt (\d{1,9}), (\S{1,40})|=== attempt (\d{1,9}), (\d{4}-\d\d-\d\dT[\d:.]+Z)$"
)
_BAR = re.compile(r"[^|]{0,80}?\b\d{1,3}%\|")
_WORD = re.compile(r"(?:^|[\[\s|(])(CRITICAL|FATAL|ERROR|WARNING|WARN|INFO|DEBUG)(?=[\]\s|:)]|$)")
_RAISED = re.compile(
    r"^(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Loss|NotFound|IsEnabled)(?::|$)"
    r"|\b[A-Z]\w*Error: |\bError: "
    r"|Traceback \(most recent call last\)"
    r"|CUDA out of memory|CUDA error: |Segmentation fault"
)
_FRAME = re.compile(r'\s+File ".*", line \d+')
_WARNED = re.compile(r"\b[A-Z]\w*Warning: |^Warning: ")

LEVELS = {"CRITICAL": Level.ERROR, "FATAL": Level.ERROR, "WARN": Level.WARNING}

SIGNS_OF_ERRORS = (
    b"Traceback",
    b"Error",
    b"ERROR",
    b"CRITICAL",
    b"FATAL",
    b"Exception",
    b"CUDA out of memory",
    b"Segmentation fault",
)
"""An error has one of these in its lines."""

SIGNS_OF_WARNINGS = (b"WARN", b"Warning:")


def find_header(text: str) -> tuple[int, str] | None:
    """Which attempt begins with this line, and when; None for any other line."""
    # An attempt that was killed leaves half a line, to which the next one adds its header.
    found = _HEADER.search(text)
    return (int(found[1] or found[3]), found[2] or found[4]) if found else None


def own_level(text: str) -> Level:
    """The level that the line's own words tell; NONE when they do not."""
    if find_header(text):
        return Level.HEADER
    text = _RANK.sub("", text)
    if is_bar(text):
        return Level.NONE
    if _RAISED.search(text[: 4 * HEAD_CHARACTERS]) or _FRAME.match(text):
        return Level.ERROR
    if word := _WORD.search(text[:HEAD_CHARACTERS]):
        return LEVELS.get(word[1]) or Level(word[1].lower())
    return Level.WARNING if _WARNED.search(text[: 4 * HEAD_CHARACTERS]) else Level.NONE


def next_level(text: str, before: Level) -> Level:
    """The level of a line after one of the level `before`: what is indented belongs to that."""
    own = own_level(text)
    if own is not Level.NONE or before not in (Level.ERROR, Level.WARNING) or is_bar(text):
        return own
    return before if _RANK.sub("", text)[:1].isspace() else Level.NONE


def is_bar(text: str) -> bool:
    """Whether the line is a progress bar."""
    return bool(_BAR.match(text))
