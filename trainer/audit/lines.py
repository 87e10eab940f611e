"""From rows back to the lines of a file, and the line at which a file cannot be read."""

import json
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import DatasetError
from trainer.model_trouble import one_line

MAX_BROKEN = 100


class Lines:
    """Which line each row of a dataset stands in; rows are counted where lines cannot be told."""

    def __init__(self, entry: Any, dataset: Any) -> None:
        self.file = str(entry.path).removeprefix("./")
        # A shard is some of the rows, in another order.
        self._order = dataset._indices.column(0) if dataset._indices is not None else None
        self._blank: list[int] = []
        self.unit = "row"
        if (path := find_json_lines(entry)) is not None:
            blank, filled = count_lines(path)
            if filled == len(dataset) or self._order is not None:
                self._blank, self.unit = blank, "line"

    def line(self, index: int) -> int:
        """The line, from 1, of the row at this index."""
        if self._order is not None:
            index = self._order[index].as_py()
        # Blank lines are no rows: each one before the row moves it down by one.
        return index + 1 + bisect_right(self._blank, index)


def find_json_lines(entry: Any) -> Path | None:
    """The file, if the dataset is one with a row per line, read from its beginning."""
    path = Path(entry.path)
    if not path.is_file() or "[" in str(entry.split or ""):
        return None
    from axolotl.utils.data.shared import get_dataset_type

    if get_dataset_type(entry) != "json":
        return None
    with path.open("rb") as file:
        return None if file.read(1) == b"[" else path


def count_lines(path: Path) -> tuple[list[int], int]:
    """For each blank line how many rows stand before it, and how many lines are not blank."""
    blank, filled = [], 0
    with path.open("rb") as file:
        for line in file:
            if line.isspace():
                blank.append(filled)
            else:
                filled += 1
    return blank, filled


def find_broken_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are no JSON object, and where a column changes its type, each with why."""
    kinds: dict[str, tuple[str, int]] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.isspace() and (reason := _broken(line, number, kinds)):
                yield number, reason


def _broken(line: bytes, number: int, kinds: dict[str, tuple[str, int]]) -> str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON: {one_line(error)}"
    if not isinstance(row, dict):
        return f"it is {_kind(row)} and not a JSON object"
    for name, value in row.items():
        if value is None:
            continue
        kind, first = kinds.setdefault(name, (_kind(value), number))
        if kind != _kind(value):
            return f"`{name}` is {_kind(value)}, and in line {first} it is {kind}"
    return ""


def _kind(value: Any) -> str:
    """What a value is, for people."""
    names = {str: "a text", bool: "true or false", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")


def explain_unreadable(entry: Any, error: BaseException) -> DatasetError:
    """Why Axolotl cannot load a dataset, with the first lines that are to blame."""
    path = find_json_lines(entry)
    if path is not None and not path.stat().st_size:
        return DatasetError(f"{entry.path} is empty. Choose another dataset.")
    broken = []
    for number, reason in find_broken_lines(path) if path is not None else ():
        broken.append(f"line {number}: {reason}")
        if len(broken) == 5:
            break
    if broken:
        return DatasetError(
            f"Axolotl cannot read {entry.path}: {'; '.join(broken)}. Mend these lines, or import "
            "the file as a dataset, which leaves them out."
        )
    return DatasetError(f"Axolotl cannot read {entry.path}: {one_line(error)}")
