"""What was seen while the rows of an upload were read, as it is kept in `dataset.yaml`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from core.dataset.format import BadRow

MAX_BAD_KEPT = 1000
"""So many bad rows are kept in `bad_rows.jsonl`; all are counted."""
MAX_BAD_IN_CARD = 20
"""So many of them stand in `dataset.yaml` too, which pages read often."""


@dataclass(frozen=True)
class ColumnFacts:
    """A column of the upload: how many values of each type, and how many are empty."""

    name: str
    types: Mapping[str, int] = field(default_factory=dict)
    empty: int = 0


@dataclass(frozen=True)
class Extreme:
    """The shortest or longest row: its length, the line of the upload, and how it begins."""

    characters: int
    line: int
    content: str


@dataclass(frozen=True)
class Report:
    """What was seen; lengths are per row and in characters unless they are named otherwise.

    `histogram` holds pairs of a length and how many rows are at most that long, but longer than
    the length before. `duplicates` repeat an earlier row to the letter, `near_duplicates` but for
    case and white space (they include the former). `left_out` names columns, and keys of turns,
    that nothing was taken from.
    """

    bad_rows: int = 0
    bad: tuple[BadRow, ...] = ()
    encoding: str = "utf-8"
    median_characters: int = 0
    longest_characters: int = 0
    longest_bytes: int = 0
    total_characters: int = 0
    shortest: Extreme | None = None
    longest: Extreme | None = None
    histogram: tuple[tuple[int, int], ...] = ()
    duplicates: int = 0
    near_duplicates: int = 0
    turns: int = 0
    columns: tuple[ColumnFacts, ...] = ()
    left_out: tuple[str, ...] = ()
    leaked_rows: int = 0

    def to_record(self) -> dict[str, Any]:
        """The report as plain data for a file."""
        record = asdict(self)
        for name in ("bad", "columns", "left_out"):
            record[name] = list(record[name])
        record["histogram"] = [list(pair) for pair in self.histogram]
        return {name: value for name, value in record.items() if value not in (None, [], "")}


def to_report(record: Mapping[str, Any]) -> Report:
    """The report in a file. Raises TypeError, KeyError or ValueError when it is none."""
    known = {name: record[name] for name in Report.__dataclass_fields__ if name in record}
    known["bad"] = tuple(BadRow(**row) for row in known.get("bad") or ())
    known["columns"] = tuple(ColumnFacts(**column) for column in known.get("columns") or ())
    known["left_out"] = tuple(map(str, known.get("left_out") or ()))
    known["histogram"] = tuple(
        (int(length), int(rows)) for length, rows in known.get("histogram") or ()
    )
    for name in ("shortest", "longest"):
        if known.get(name):
            known[name] = Extreme(**known[name])
    return Report(**known)
