"""Tables as CSV which no spreadsheet takes for formulas."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

from core.dataset.export import safe_cell

_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)

Cell = str | float | None


def csv_bytes(rows: Iterable[Sequence[Cell]]) -> bytes:
    """The rows as CSV in UTF-8. Numbers stay numbers, None is an empty cell.

    A text that a spreadsheet would run gets a quote in front.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([_written(cell) for cell in row])
    return text.getvalue().encode("utf-8", "replace")


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    text = str(cell)
    return text if _NUMBER.fullmatch(text) else safe_cell(text)
