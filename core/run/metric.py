"""The numbers a training reports: one JSON line per log event, in `metrics.jsonl`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.files import parse_json_lines, read_complete_lines


@dataclass
class MetricSeries:
    """The metrics of one run as read so far; `refresh` reads only what has been added since."""

    path: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    _offset: int = 0

    def refresh(self) -> None:
        """Take in the lines written since the last call; start over if the file was replaced."""
        if self._offset and (not self.path.exists() or self.path.stat().st_size < self._offset):
            self.rows, self._offset = [], 0
        lines, self._offset = read_complete_lines(self.path, self._offset)
        self.rows.extend(parse_json_lines(lines))

    def points(self, key: str) -> tuple[list[int], list[float]]:
        """Steps and values of one metric, in the order logged."""
        found = [(row["step"], row[key]) for row in self.rows if key in row and "step" in row]
        return [int(step) for step, _ in found], [float(value) for _, value in found]

    def last(self, key: str) -> Any:
        """The newest value of a metric, or None."""
        return next((row[key] for row in reversed(self.rows) if row.get(key) is not None), None)
