"""The rows of a dataset in formats that other programs read."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from core.dataset.format import Row
from core.errors import DatasetError

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is run as a formula by spreadsheets (OWASP ASVS 1.2.10)."""

SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}


def export_rows(path: Path, name: str) -> Iterator[bytes]:
    """The rows of a `train.jsonl` as another format, piece by piece.

    Raises DatasetError at the first row that the format cannot hold, naming its line.
    """
    write, header = EXPORTS[name]
    if header:
        yield header
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield write(orjson.loads(line))
            except (KeyError, ValueError) as error:
                raise DatasetError(
                    f"line {number} cannot be written as {name}: {error}. Download the rows as "
                    "JSON Lines instead."
                ) from error


def can_export(row: Mapping[str, Any], name: str) -> bool:
    """Whether a row such as this one fits into the format."""
    try:
        EXPORTS[name][0](dict(row))
    except (KeyError, ValueError):
        return False
    return True


def _to_messages(row: Row) -> bytes:
    return _json_line({"messages": row["messages"]} if _is_chat(row) else row)


def _to_sharegpt(row: Row) -> bytes:
    _require_chat(row)
    return _json_line(
        {
            "conversations": [
                {"from": SPEAKERS[turn["role"]], "value": turn["content"]}
                for turn in row["messages"]
            ]
        }
    )


def _to_alpaca(row: Row) -> bytes:
    system, question, answer = _one_exchange(row)
    made = {"instruction": question, "input": "", "output": answer}
    return _json_line(made | ({"system": system} if system else {}))


def _to_csv(row: Row) -> bytes:
    system, question, answer = _one_exchange(row)
    return csv_line([system, question, answer])


def _one_exchange(row: Row) -> tuple[str, str, str]:
    """System prompt, question and answer of a chat that holds no more than these."""
    _require_chat(row)
    turns = row["messages"]
    system = turns[0]["content"] if turns and turns[0]["role"] == "system" else ""
    spoken = turns[1:] if system else turns
    if [turn["role"] for turn in spoken] != ["user", "assistant"]:
        raise ValueError("it is more than one question and one answer")
    return system, spoken[0]["content"], spoken[1]["content"]


def _require_chat(row: Row) -> None:
    if not _is_chat(row):
        raise ValueError("it is no chat")


def _is_chat(row: Row) -> bool:
    return "messages" in row and "chosen" not in row


def csv_line(cells: list[str]) -> bytes:
    """A line of CSV that no spreadsheet takes for a formula."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow([safe_cell(cell) for cell in cells])
    return text.getvalue().encode("utf-8", "replace")


def safe_cell(cell: str) -> str:
    """The cell with a quote in front where a spreadsheet would run it."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def _json_line(row: Row) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


EXPORTS: Mapping[str, tuple[Callable[[Row], bytes], bytes]] = {
    "messages.jsonl": (_to_messages, b""),
    "sharegpt.jsonl": (_to_sharegpt, b""),
    "alpaca.jsonl": (_to_alpaca, b""),
    "questions.csv": (_to_csv, b"system,question,answer\r\n"),
}
"""How a row is written in each format, and what stands above all rows."""
