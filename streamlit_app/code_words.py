"""Sentences of our own in which names stand between backticks. Pure."""

import re

from streamlit_app.display import plain

_CODE = re.compile(r"`([^`\n]+)`")


def marked(text: str) -> str:
    """The text for a place that reads Markdown: only what stands between backticks is formatted."""
    pieces = []
    end = 0
    for match in _CODE.finditer(text):
        # White space around a piece would be lost, and with it the blank beside a code word.
        pieces += [_plain_piece(text[end : match.start()]), match.group()]
        end = match.end()
    return "".join([*pieces, _plain_piece(text[end:])])


def _plain_piece(text: str) -> str:
    lines = text.split("\n")
    return "  \n".join(
        " " * (len(line) - len(line.lstrip(" ")))
        + plain(line)
        + (" " * (len(line) - len(line.rstrip(" "))) if line.strip() else "")
        for line in lines
    )
