"""Which numbers of a run still count: a resumed attempt trains some steps again."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.files import parse_json_lines, read_complete_lines
from core.monitor.row import moment_s
from core.numbers import is_number, is_whole

FIRST = 1


@dataclass
class Resumes:
    """The step that each attempt went on from; `refresh` reads only what the journal has new.

    `began_s` is when its training began, in Unix seconds.
    """

    path: Path
    begun_at: dict[int, int] = field(default_factory=dict)
    began_s: dict[int, float] = field(default_factory=dict)
    _offset: int = 0

    def refresh(self) -> None:
        """Take in the attempts whose training began since the last call."""
        before = -1
        while self._offset > before:
            before = self._offset
            lines, self._offset = read_complete_lines(self.path, before)
            for entry in parse_json_lines(line for line in lines if '"plan"' in line):
                self._take(entry)

    def last_kept(self, attempt: int) -> float:
        """The step after which a later attempt trained all of this one's steps again."""
        later = [step for number, step in self.begun_at.items() if number > attempt]
        return min(later, default=math.inf)

    def keeps(self, row: dict[str, Any]) -> bool:
        """Whether no later attempt trained the step of this log event again."""
        step = row.get("step")
        return not is_number(step) or step <= self.last_kept(attempt_of(row))

    def resumed(self) -> dict[int, int]:
        """The step that each attempt after the first went on from."""
        return {number: step for number, step in self.begun_at.items() if number > FIRST}

    def _take(self, entry: dict[str, Any]) -> None:
        attempt, step = entry.get("attempt"), entry.get("step")
        if entry.get("entry") == "plan" and is_whole(attempt) and is_whole(step):
            self.begun_at[attempt] = step
            began_s = moment_s(entry.get("at"))
            if began_s is not None:
                self.began_s[attempt] = began_s


def attempt_of(row: dict[str, Any]) -> int:
    """The attempt that a line was written in."""
    attempt = row.get("attempt")
    return attempt if is_whole(attempt) else FIRST
