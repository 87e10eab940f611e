"""Plain text, a paragraph per record."""

from collections.abc import Iterator
from typing import TextIO

from core.dataset.format import BadRow, show
from core.dataset.read.encoding import flaw_in
from core.dataset.read.record import Record

MAX_TEXT_CHARACTERS = 15_000
"""Axolotl cuts off a text after 64 times `sequence_len` tokens; shorter pieces lose nothing."""


def read_paragraphs(file: TextIO) -> Iterator[Record | BadRow]:
    """Blocks of text between blank lines; a very long one in several pieces."""
    block: list[str] = []
    number, begun, size = 0, 1, 0
    for line in _lines(file):
        if line.strip() and size + len(line) <= MAX_TEXT_CHARACTERS:
            begun = begun if block else number + 1
            block.append(line)
            size += len(line)
        else:
            if block:
                yield _paragraph(begun, block)
            block = [line] if line.strip() else []
            begun, size = number + 1, len(line) if block else 0
        number += line.endswith("\n")
    if block:
        yield _paragraph(begun, block)


def cut_text(text: str, limit: int = MAX_TEXT_CHARACTERS) -> Iterator[str]:
    """The text in pieces of at most `limit` characters, parted between words where possible."""
    while len(text) > limit:
        end = max(text.rfind("\n", limit // 2, limit), text.rfind(" ", limit // 2, limit))
        end = end if end > 0 else limit
        yield text[:end]
        text = text[end:].lstrip()
    if text:
        yield text


def _lines(file: TextIO) -> Iterator[str]:
    """The lines; a very long one in pieces, parted between words where possible."""
    rest = ""
    while line := rest + file.readline(MAX_TEXT_CHARACTERS - len(rest)):
        rest = ""
        if len(line) == MAX_TEXT_CHARACTERS and not line.endswith("\n"):
            end = line.rfind(" ", MAX_TEXT_CHARACTERS // 2) + 1 or len(line)
            line, rest = line[:end], line[end:]
        yield line


def _paragraph(line: int, block: list[str]) -> Record | BadRow:
    text = "".join(block).strip()
    flaw = flaw_in(text)
    return BadRow(line, flaw, show(text)) if flaw else Record(line, {"text": text})
