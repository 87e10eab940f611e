"""Counting what the columns of an upload hold, row by row."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from core.dataset.format import show
from core.dataset.report import ColumnFacts

MAX_COLUMNS = 200
"""Later ones of a hostile file are not counted, so that its size does not become ours."""
EMPTY = type(None)
WORDS: Mapping[type, str] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "true or false",
    list: "list",
    dict: "object",
}


class ColumnTally:
    """Counts the values of every column by type."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, type]] = Counter()
        self._names: dict[str, None] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        """Count the values of one row."""
        counts = self._counts
        for name, value in row.items():
            # Nothing, and what holds nothing; 0 and False are values.
            is_empty = not value and value != 0
            key = (name, EMPTY if is_empty else value.__class__)
            if key in counts:
                counts[key] += 1
            else:
                self._add_new(key)

    def _add_new(self, key: tuple[str, type]) -> None:
        if key[0] in self._names or len(self._names) < MAX_COLUMNS:
            self._names[key[0]] = None
            self._counts[key] += 1

    def merge(self, later: "ColumnTally") -> None:
        """Take over what was counted in a later part of the file."""
        for key, count in later._counts.items():
            if key in self._counts or key[0] in self._names or len(self._names) < MAX_COLUMNS:
                self._names[key[0]] = None
                self._counts[key] += count

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the order in which they came."""
        return tuple(self._names)

    def facts(self) -> tuple[ColumnFacts, ...]:
        """What each column holds."""
        return tuple(self._facts_of(name) for name in self._names)

    def _facts_of(self, name: str) -> ColumnFacts:
        types: Counter[str] = Counter()
        for (column, kind), count in self._counts.items():
            if column == name and kind is not EMPTY:
                types[WORDS.get(kind, kind.__name__)] += count
        return ColumnFacts(show(name), dict(types), self._counts[name, EMPTY])
