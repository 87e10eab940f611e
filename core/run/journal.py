"""What the trainer says of itself, in `journal.jsonl`: stages, its first and its last word.

One JSON object per line: `at`, `attempt`, `entry`, and what belongs to the entry:

| entry       | means                                                        |
|-------------|--------------------------------------------------------------|
| `start`     | the process begins: `cold`, why it was not a warm one, or empty |
| `stage`     | a stage began: `stage`                                       |
| `plugin`    | our plugin was loaded by Axolotl                             |
| `plan`      | training begins: `total_steps`, `step` it begins at          |
| `first_step`| the first step of the attempt is done: `step` |
| `checkpoint`| a checkpoint is complete: `step`, `path`                     |
| `evaluation`| how far an evaluation is, at most once a second: `done`, `total` batches |
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
    """The newest entry of each kind of one attempt; `refresh` reads only what has been added."""

    path: Path
    attempt: int
    _offset: int = 0
    _newest: dict[str, dict[str, Any]] = field(default_factory=dict)

    def refresh(self) -> None:
        """Take in the entries written since the last call."""
        while True:
            lines, self._offset = read_complete_lines(self.path, self._offset)
            for entry in parse_json_lines(lines):
                if entry.get("attempt") == self.attempt:
                    self._newest[str(entry.get("entry"))] = entry
            if not lines:
                return

    def last(self, kind: str) -> dict[str, Any] | None:
        """The newest entry of a kind, or None."""
        return self._newest.get(kind)
