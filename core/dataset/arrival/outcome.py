"""How a fetch or an import ended, as it stands in `outcome.json`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.dataset.format import BadRow
from core.dataset.report import MAX_BAD_KEPT


@dataclass(frozen=True)
class Outcome:
    """The end: the name of the `dataset` that was made, or the `reason` why there is none.

    `same_as` names the dataset that was made from the very same content, where that is the reason.
    """

    ok: bool
    reason: str = ""
    dataset: str = ""
    is_cancelled: bool = False
    same_as: str = ""
    bad_rows: int = 0
    bad: tuple[BadRow, ...] = ()


def failed(
    reason: str, bad_rows: int = 0, bad: Iterable[BadRow] = (), same_as: str = ""
) -> Outcome:
    """The outcome of what could not be done."""
    return Outcome(False, reason, same_as=same_as, bad_rows=bad_rows, bad=tuple(bad))


CANCELLED = Outcome(False, "It was cancelled.", is_cancelled=True)


def to_record(outcome: Outcome) -> dict[str, Any]:
    """The outcome as it stands in the file."""
    return {
        "ok": outcome.ok,
        "reason": outcome.reason,
        "dataset": outcome.dataset,
        "cancelled": outcome.is_cancelled,
        "same_as": outcome.same_as,
        "bad_rows": outcome.bad_rows,
        "bad": [
            {"line": row.line, "reason": row.reason, "content": row.content}
            for row in outcome.bad[:MAX_BAD_KEPT]
        ],
    }


def from_record(record: Mapping[str, Any]) -> Outcome:
    """The outcome in the file. Raises KeyError, TypeError or ValueError when it holds none."""
    return Outcome(
        ok=record["ok"] is True,
        reason=str(record.get("reason", "")),
        dataset=str(record.get("dataset", "")),
        is_cancelled=record.get("cancelled") is True,
        same_as=str(record.get("same_as", "")),
        bad_rows=int(record.get("bad_rows", 0)),
        bad=tuple(BadRow(**row) for row in record.get("bad") or ()),
    )
