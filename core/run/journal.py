"""What the trainer says of itself, in `journal.jsonl`: stages, its first and its last word.

One JSON object per line: `at`, `attempt`, `entry`, and what belongs to the entry:

| entry       | means                                                        |
|-------------|--------------------------------------------------------------|
| `stage`     | a stage began: `stage`                                       |
| `plugin`    | our plugin was loaded by Axolotl                             |
| `plan`      | training begins: `total_steps`, `step` it begins at          |
| `checkpoint`| a checkpoint is complete: `step`, `path`                     |
| `stopped`   | training was stopped on request at `step`                    |
| `error`     | an exception ended the attempt: `kind`, `message`, `stage`   |
| `done`      | training ran to its planned end at `step` and was saved      |
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.files import parse_json_lines, read_complete_lines


@dataclass
class JournalReader:
    """The entries of one attempt as read so far; `refresh` returns only the new ones."""

    path: Path
    attempt: int
    _offset: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)

    def refresh(self) -> list[dict[str, Any]]:
        """The entries of this attempt written since the last call."""
        lines, self._offset = read_complete_lines(self.path, self._offset)
        new = [entry for entry in parse_json_lines(lines) if entry.get("attempt") == self.attempt]
        self.seen.extend(new)
        return new

    def last(self, kind: str) -> dict[str, Any] | None:
        """The newest entry of a kind, or None."""
        return next((entry for entry in reversed(self.seen) if entry.get("entry") == kind), None)
