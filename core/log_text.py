"""A log as text fit to be shown: no colours, no control characters, no tokens of accounts."""

import re

from core.secret import mask

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles and links, up to their end
    r"|\x1b[\[(][0-?]*[ -/]*[@-~]?"  # colours and cursor moves
    r"|\x1b."
)
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)
"""Also what turns the direction of a text, or breaks a line where there is none."""


def clean_log(text: str, max_lines: int | None = None) -> str:
    """The text as a terminal would have left it, in plain characters; only its last lines."""
    # Split at newlines alone: a carriage return overwrites its own line.
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    lines = [clean_line(line) for line in (lines[-max_lines:] if max_lines else lines)]
    return "\n".join(lines)


def clean_line(line: str) -> str:
    """What stands in the line after the last carriage return that was followed by something."""
    parts = [part for part in _ESCAPES.sub("", line).split("\r") if part.strip()]
    return mask(_CONTROLS.sub("", parts[-1]).rstrip()) if parts else ""
