"""What people wrote about a run: `notes.yaml`, a text and tags."""

import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import RecordError, SpecError
from core.files import read_untrusted, write_whole
from core.safe_yaml import MAX_BYTES, dump_yaml, load_yaml_mapping

MAX_TEXT = 20_000
MAX_TAGS = 20
MAX_TAG = 32

_NO_WORD = re.compile(r"[^\w.-]+")
_LINE_ENDS = re.compile(r"\r\n|[\r\x85\u2028\u2029]")
# YAML has no way to hold most control characters, and no person means them.
_UNSEEN = re.compile(r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Notes:
    """A text of at most `MAX_TEXT` characters, and tags in the order of the alphabet."""

    text: str = ""
    tags: tuple[str, ...] = ()


def make_notes(text: str, tags: Iterable[str]) -> Notes:
    """The notes within their limits, whatever was typed."""
    clean = _UNSEEN.sub("", _LINE_ENDS.sub("\n", text)).strip()
    return Notes(clean[:MAX_TEXT].rstrip(), normalise_tags(tags))


def normalise_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Each tag as a word in lower case, such as `best-so-far`; what repeats or is empty goes."""
    words = {_NO_WORD.sub("-", tag.strip().lower())[:MAX_TAG].strip("-._") for tag in tags}
    return tuple(sorted(words - {""}))[:MAX_TAGS]


def merge_notes(first: Notes, second: Notes) -> Notes:
    """Both: the one text under the other, and the tags of either. What is equal stands once."""
    texts = [first.text, second.text]
    if first.text in second.text or second.text in first.text:
        texts = [max(texts, key=len)]
    return make_notes("\n\n".join(texts), (*first.tags, *second.tags))


def load_notes(path: Path) -> Notes:
    """The notes in the file; empty when there are none or they cannot be read."""
    try:
        return _parse(load_yaml_mapping(read_untrusted(path, MAX_BYTES)))
    except (OSError, RecordError, SpecError):
        return Notes()


def save_notes(path: Path, notes: Notes) -> None:
    """Replace the notes; what cannot be read is put aside. Raises OSError."""
    if os.path.lexists(path) and not _is_readable(path):
        path.rename(path.with_name(f".{path.name}.unreadable-{time.time_ns()}"))
    write_whole(path, dump_yaml({"text": notes.text, "tags": list(notes.tags)}))


def _is_readable(path: Path) -> bool:
    try:
        load_yaml_mapping(read_untrusted(path, MAX_BYTES))
    except (RecordError, SpecError):
        return False
    return True


def _parse(record: dict[str, Any]) -> Notes:
    text, tags = record.get("text"), record.get("tags")
    words = tags if isinstance(tags, list) else [tags]
    return make_notes(
        text if isinstance(text, str) else "",
        (str(word) for word in words if isinstance(word, str | int | float)),
    )
