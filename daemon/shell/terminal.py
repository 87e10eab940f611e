"""What a terminal shows: plain characters in columns, colours only where they are wanted."""

import os
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TextIO

from core.log_text import clean_log

MINUTE, HOUR, DAY = 60, 3600, 86400
GAP = "  "


class Colour(StrEnum):
    """The code that begins a colour."""

    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    BLUE = "34"


def has_colours(stream: TextIO) -> bool:
    """Whether colours are wanted: on a terminal, unless `NO_COLOR` or a dumb one says no."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and stream.isatty()


def paint(text: str, colour: Colour | None, stream: TextIO | None = None) -> str:
    """The text in the colour, where the stream (stdout) shows colours."""
    if colour is None or not has_colours(stream or sys.stdout):
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"


def one_line(text: str) -> str:
    """Text from specs, logs and records, fit for a cell: one line without control characters."""
    return " ".join(clean_log(text).split())


def room() -> int | None:
    """How many characters fit into a line of the terminal; None where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def fit(line: str) -> str:
    """The line cut to the width of the terminal; as it is where there is none."""
    width = room()
    return line if width is None or len(line) <= width else line[: width - 1] + "…"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines, each column as wide as its longest cell; empty columns take no room."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return [
        GAP.join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width
        ).rstrip()
        for row in rows
    ]


def duration_text(seconds: float | None) -> str:
    """`42s`, `2m05s`, `3h12m`, `2d04h`; empty when it is not known."""
    if seconds is None or seconds < 0:
        return ""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole}s"
    if whole < HOUR:
        return f"{whole // MINUTE}m{whole % MINUTE:02d}s"
    if whole < DAY:
        return f"{whole // HOUR}h{whole % HOUR // MINUTE:02d}m"
    return f"{whole // DAY}d{whole % DAY // HOUR:02d}h"


def age_text(since: datetime, at: datetime) -> str:
    """How long ago it was; a moment of the future, from a clock set back, is now."""
    return duration_text(max(0.0, (at - since).total_seconds()))


def moment_text(moment: datetime) -> str:
    """`2026-11-22 13:05:09` in the time zone of this machine."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def say(text: str) -> None:
    """A sentence for the person, beside what a script reads from stdout."""
    print(text, file=sys.stderr, flush=True)
