"""What the audit of a run's data found: plain values, and their way to JSON and back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any, NamedTuple

from core.errors import RecordError

MAX_NAMED_ROWS = 100
"""So many rows of each kind are named; the rest are counted."""

MAX_SAMPLES = 20
MAX_SAMPLE_TOKENS = 2000


class RowPlace(NamedTuple):
    """Where a row stands: its line, from 1, and the file as the spec names it."""

    file: str
    line: int


class FailedRow(NamedTuple):
    """A row at which Axolotl stops, and why."""

    file: str
    line: int
    reason: str


class LongRow(NamedTuple):
    """A row and how many tokens it has."""

    file: str
    line: int
    length: int


class Bar(NamedTuple):
    """All rows of one length. `trained` of their `tokens` are learned, none in `unlearning` rows.

    Plain text is counted in pieces of at most `sequence_len`. A pair of answers has the length of
    its prompt with the longer answer, as Axolotl counts it, and the tokens of both.
    """

    length: int
    rows: int
    trained: int
    tokens: int
    unlearning: int


class Token(NamedTuple):
    """A token as it reads, whether it is learned, and whether it is a mark rather than text."""

    text: str
    is_trained: bool
    is_special: bool


@dataclass(frozen=True)
class Marked:
    """How many rows something holds for, and the first of them."""

    count: int = 0
    first: tuple[RowPlace, ...] = ()


@dataclass(frozen=True)
class Failed:
    """How many rows Axolotl would stop at, and the first of them."""

    count: int = 0
    first: tuple[FailedRow, ...] = ()


@dataclass(frozen=True)
class Sample:
    """A row as it is trained on; `part` tells which one of its two answers, or of its pieces.

    Of a long one the first tokens; `length` counts all.
    """

    file: str
    line: int
    length: int
    tokens: tuple[Token, ...]
    part: str = ""


@dataclass(frozen=True)
class Packing:
    """How many packs of `capacity` tokens Axolotl's own packing makes of the rows that fit."""

    sequence_len: int
    capacity: int
    tokens: int
    packs: int
    strategy: str = "drop"
    min_sample_len: int = 2
    bin_size: int = 200


@dataclass(frozen=True)
class Audit:
    """What Axolotl would train on. Without `ok` there is nothing but the `reason`.

    Not `is_known` is a way of training that the audit has nothing to say about. All numbers are of
    `audited_rows`; `rows` are all there are. `unit` is what a line number counts: lines or rows.
    """

    ok: bool = True
    reason: str = ""
    is_known: bool = True
    rl: str = ""
    sequence_len: int = 0
    rows: int = 0
    audited_rows: int = 0
    validation_rows: int = 0
    files: int = 1
    unit: str = "line"
    histogram: tuple[Bar, ...] = ()
    nothing_to_learn: Marked = Marked()
    no_end: Marked = Marked()
    too_short: Marked = Marked()
    empty: Marked = Marked()
    spoiled: Marked = Marked()
    failed: Failed = Failed()
    longest: tuple[LongRow, ...] = ()
    trained_until: tuple[tuple[int, int], ...] = ()
    """Up to which position how many tokens are learned, over all rows; see `core.audit.cut`."""

    first_trained: tuple[tuple[int, int], ...] = ()
    """At which position the first learned token stands in how many rows."""

    packing: Packing | None = None
    samples: tuple[Sample, ...] = ()
    notes: tuple[str, ...] = ()
    tokenizer: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    took_s: float = 0.0
    at: str = ""

    @property
    def is_sample(self) -> bool:
        """Whether only some of the rows were looked at, spread evenly."""
        return self.audited_rows < self.rows

    @property
    def scale(self) -> float:
        """How many rows each audited one stands for."""
        return self.rows / self.audited_rows if self.audited_rows else 1.0

    @property
    def sequences(self) -> int:
        """How many rows, or pieces of plain text, the histogram counts."""
        return sum(bar.rows for bar in self.histogram)


def to_record(audit: Audit) -> dict[str, Any]:
    """The audit as JSON can hold it."""
    record = {name.name: getattr(audit, name.name) for name in fields(audit)}
    for name in ("nothing_to_learn", "no_end", "too_short", "empty", "spoiled", "failed"):
        record[name] = asdict(record[name])
    record["packing"] = asdict(audit.packing) if audit.packing else None
    record["samples"] = [asdict(sample) for sample in audit.samples]
    record["tokenizer"] = dict(audit.tokenizer)
    return record


def from_record(record: dict[str, Any]) -> Audit:
    """The audit in a record of `to_record`. Raises RecordError when it is none."""
    known = {name.name for name in fields(Audit)}
    try:
        values = {name: value for name, value in record.items() if name in known}
        for name, read in _READERS.items():
            if name in values:
                values[name] = read(values[name])
        return Audit(**values)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise RecordError(f"the audit cannot be read: {error}") from error


def _rows(kind: Any) -> Any:
    return lambda value: tuple(kind(*entry) for entry in value)


def _marked(value: dict[str, Any]) -> Marked:
    return Marked(int(value["count"]), _rows(RowPlace)(value["first"]))


def _failed(value: dict[str, Any]) -> Failed:
    return Failed(int(value["count"]), _rows(FailedRow)(value["first"]))


def _samples(value: list[dict[str, Any]]) -> tuple[Sample, ...]:
    return tuple(Sample(**{**entry, "tokens": _rows(Token)(entry["tokens"])}) for entry in value)


def _pairs(value: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((int(first), int(second)) for first, second in value)


_READERS = {
    "histogram": _rows(Bar),
    "nothing_to_learn": _marked,
    "no_end": _marked,
    "too_short": _marked,
    "empty": _marked,
    "spoiled": _marked,
    "failed": _failed,
    "longest": _rows(LongRow),
    "trained_until": _pairs,
    "first_trained": _pairs,
    "packing": lambda value: Packing(**value) if value else None,
    "samples": _samples,
    "notes": tuple,
}
