"""Plain text, a paragraph per record."""

from collections.abc import Iterator
from typing import TextIO

from core.dataset.record import Record

MAX_TEXT_CHARACTERS = 15_000
"""Axolotl cuts off a text after 64 times `sequence_len` tokens; shorter pieces lose nothing."""


def read_paragraphs(file: TextIO) -> Iterator[Record]:
    """Blocks of text between blank lines; a very long one in several pieces."""
    block: list[str] = []
    number, begun, size = 0, 1, 0
    while line := file.readline(MAX_TEXT_CHARACTERS):
        if line.strip() and size + len(line) <= MAX_TEXT_CHARACTERS:
            begun = begun if block else number + 1
            block.append(line)
            size += len(line)
        else:
            if block:
                yield Record(begun, {"text": "".join(block).strip()})
            block = [line] if line.strip() else []
            begun, size = number + 1, len(line) if block else 0
        number += line.endswith("\n")
    if block:
        yield Record(begun, {"text": "".join(block).strip()})


def cut_text(text: str, limit: int = MAX_TEXT_CHARACTERS) -> Iterator[str]:
    """The text in pieces of at most `limit` characters, parted between words where possible."""
    while len(text) > limit:
        end = max(text.rfind("\n", limit // 2, limit), text.rfind(" ", limit // 2, limit))
        end = end if end > 0 else limit
        yield text[:end]
        text = text[end:].lstrip()
    if text:
        yield text
