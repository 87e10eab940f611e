"""From an upload to the rows that Axolotl reads, in one pass and in constant memory."""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from core.dataset.card import Report
from core.dataset.encoding import TextProbe
from core.dataset.format import (
    EXPECTED,
    BadRow,
    Format,
    Row,
    RowError,
    convert,
    recognise_rows,
    show,
)
from core.dataset.read import read_records
from core.dataset.read_text import cut_text
from core.dataset.record import Record
from core.errors import DatasetError
from core.paths import DatasetPaths

CHUNK_BYTES = 1024 * 1024
HEAD_ROWS = 50
MAX_BAD_SHOWN = 100
MAX_COLUMNS = 50
EXACT_SPLIT_ROWS = 50_000
"""Up to so many different rows the validation fraction is met to the row."""


@dataclass(frozen=True)
class Copied:
    """The original as it now lies in the workspace."""

    path: Path
    extension: str
    encoding: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Converted:
    """What became of the rows."""

    form: Format
    rows: int
    columns: tuple[str, ...]
    report: Report


@dataclass
class Tally:
    """Counts what passes by; its size does not grow with the rows."""

    rows: int = 0
    bad_rows: int = 0
    bad: list[BadRow] = field(default_factory=list)
    lengths: Counter[int] = field(default_factory=Counter)
    longest: int = 0
    longest_bytes: int = 0
    total: int = 0

    def add(self, length: int, size: int) -> None:
        """Count a good row of so many characters and bytes."""
        self.rows += 1
        self.total += length
        self.longest = max(self.longest, length)
        self.longest_bytes = max(self.longest_bytes, size)
        # Buckets that grow by a fifth: close enough for a median.
        self.lengths[int(length**0.2 * 100)] += 1

    def refuse(self, row: BadRow) -> None:
        """Count a bad row, and keep it if it is among the first."""
        self.bad_rows += 1
        if len(self.bad) < MAX_BAD_SHOWN:
            self.bad.append(row)

    def median(self) -> int:
        """The length that half of the rows stay below, within a few percent."""
        passed = 0
        for bucket in sorted(self.lengths):
            passed += self.lengths[bucket]
            if passed * 2 >= self.rows:
                return min(self.longest, round((bucket / 100) ** 5))
        return 0


def copy_original(source: BinaryIO, path: Path, extension: str) -> Copied:
    """Copy the upload, looking at every byte once on its way."""
    digest, probe, size = hashlib.sha256(), TextProbe(), 0
    with path.open("wb") as target:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            probe.feed(chunk)
            target.write(chunk)
            size += len(chunk)
    if size == 0:
        raise DatasetError("the file is empty. Choose one with rows in it")
    return Copied(path, extension, probe.encoding(), digest.hexdigest(), size)


def convert_rows(copied: Copied, target: Path, system_prompt: str) -> Converted:
    """Write every good row to `target`. Raises DatasetError when there is none."""
    records = read_records(copied.path, copied.extension, copied.encoding)
    head = list(itertools.islice(records, HEAD_ROWS))
    values = [record.value for record in head if isinstance(record, Record)]
    form = recognise_rows(values)
    tally = Tally()
    if form is None:
        raise DatasetError(_describe_unknown(head, values))
    with target.open("wb") as file:
        for row in _good_rows(itertools.chain(head, records), form, system_prompt, tally):
            said = said_in(row)
            tally.add(len(said), len(said.encode("utf-8", "replace")))
            file.write(to_line(row))
    if tally.rows == 0:
        raise DatasetError(_describe_all_bad(tally))
    columns = _columns(values) if copied.extension != "txt" else ()
    return Converted(form, tally.rows, columns, _report(tally, copied.encoding))


def split_rows(rows: Path, paths: DatasetPaths, fraction: float, seed: int) -> tuple[int, int]:
    """Divide the rows into `train.jsonl` and `validation.jsonl`; returns how many are in each.

    Which side a row falls on depends on its content and the seed alone, so that equal rows are
    never on both sides.
    """
    limit = _find_limit(rows, fraction, seed)
    counts = [0, 0]
    with (
        rows.open("rb") as source,
        paths.train.open("wb") as train,
        paths.validation.open("wb") as validation,
    ):
        for line in source:
            side = _key(line, seed) <= limit
            counts[side] += 1
            (validation if side else train).write(line)
    if not all(counts):
        raise DatasetError(
            "too few different rows to set some aside for validation. Upload more rows, or set "
            "nothing aside"
        )
    return counts[0], counts[1]


def said_in(row: Row) -> str:
    """What a row says, without the names of the roles."""
    if "text" in row:
        return str(row["text"])
    return "".join(message["content"] for message in row["messages"])


def to_line(row: Row) -> bytes:
    """The row as one line of JSON."""
    # Half a surrogate pair, which JSON can hold, cannot be written as UTF-8.
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _good_rows(
    records: Iterator[Record | BadRow], form: Format, system_prompt: str, tally: Tally
) -> Iterator[Row]:
    for record in records:
        if isinstance(record, BadRow):
            tally.refuse(record)
            continue
        try:
            row = convert(record.value, form, system_prompt)
        except RowError as error:
            tally.refuse(BadRow(record.line, show(str(error)), show(record.value)))
            continue
        yield from ({"text": piece} for piece in cut_text(row["text"])) if "text" in row else [row]


def _find_limit(rows: Path, fraction: float, seed: int) -> int:
    """The key up to which a row is for validation."""
    keys: set[int] = set()
    with rows.open("rb") as file:
        for line in file:
            keys.add(_key(line, seed))
            if len(keys) > EXACT_SPLIT_ROWS:
                return int(fraction * 2**64)
    count = min(max(1, round(fraction * len(keys))), len(keys) - 1)
    return sorted(keys)[count - 1] if count else -1


def _key(line: bytes, seed: int) -> int:
    digest = hashlib.blake2b(line, digest_size=8, key=str(seed).encode()[:64])
    return int.from_bytes(digest.digest(), "big")


def _report(tally: Tally, encoding: str) -> Report:
    return Report(
        bad_rows=tally.bad_rows,
        bad=tuple(replace(row, reason=show(row.reason)) for row in tally.bad),
        encoding=encoding.removesuffix("-sig"),
        median_characters=tally.median(),
        longest_characters=tally.longest,
        longest_bytes=tally.longest_bytes,
        total_characters=tally.total,
    )


def _columns(values: list[Any]) -> tuple[str, ...]:
    names = dict.fromkeys(
        show(name) for value in values if isinstance(value, dict) for name in value
    )
    return tuple(names)[:MAX_COLUMNS]


def _describe_unknown(head: list[Record | BadRow], values: list[Any]) -> str:
    columns = _columns(values)
    if columns:
        found = "the columns are " + ", ".join(f"`{name}`" for name in columns)
        return f"{found}. Expected {EXPECTED}"
    bad = next((row for row in head if isinstance(row, BadRow)), None)
    if bad:
        return f"line {bad.line}: {bad.reason}. No row could be read; expected {EXPECTED}"
    if values:
        return f"the rows have no names for what they hold. Expected {EXPECTED}"
    return f"the file has no rows. Expected {EXPECTED}"


def _describe_all_bad(tally: Tally) -> str:
    first = tally.bad[0]
    return (
        f"none of the {tally.bad_rows:,} rows can be used. The first problem is on line "
        f"{first.line}: {first.reason}. Expected {EXPECTED}"
    )
