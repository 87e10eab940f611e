"""How the trainer speaks to the daemon: lines appended to `journal.jsonl` and `metrics.jsonl`."""

import math
import os
from functools import cache
from pathlib import Path
from typing import Any

from core.clock import now_text
from core.files import append_json_line
from core.paths import RunPaths
from core.run.journal import JournalReader
from core.run.phase import Stage
from core.run.trainer_env import ATTEMPT_VARIABLE, COLD_VARIABLE, RUN_FOLDER_VARIABLE


class Journal:
    """Writes the entries that `core.run.journal` describes, for one attempt of one run.

    Of several processes that train together only the first speaks, errors aside.
    """

    def __init__(self, paths: RunPaths, attempt: int, speaks: bool = True) -> None:
        self.paths = paths
        self.attempt = attempt
        self.speaks = speaks
        self._stage = ""

    def tell_start(self) -> None:
        """Training begins in a process that was warm, or else why not."""
        self.write("start", cold=os.environ.get(COLD_VARIABLE, ""))

    def stage(self, stage: Stage) -> None:
        """A stage began; one that goes on is no news."""
        if stage == self._stage:
            return
        self._stage = stage.value
        self.write("stage", stage=stage.value)

    def fail(self, kind: str, message: str) -> None:
        """An exception ended the attempt, in the stage that began last. Any process may say so.

        Of several the first is kept: the others only tell that they lost their peer.
        """
        said = JournalReader(self.paths.journal, self.attempt)
        said.refresh()
        if said.last("error") is None:
            self._append("error", kind=kind, message=message, stage=self._stage)

    def write(self, entry: str, **fields: Any) -> None:
        """Append one entry."""
        if self.speaks:
            self._append(entry, **fields)

    def _append(self, entry: str, **fields: Any) -> None:
        record = {"at": now_text(), "attempt": self.attempt, "entry": entry, **fields}
        append_json_line(self.paths.journal, record)

    def metric(self, values: dict[str, Any]) -> None:
        """Append one row of numbers. What is not finite is left out and named in `not_finite`."""
        if not self.speaks:
            return
        bad = [k for k, v in values.items() if isinstance(v, float) and not math.isfinite(v)]
        row = {key: value for key, value in values.items() if key not in bad}
        if bad:
            row["not_finite"] = bad
        append_json_line(self.paths.metrics, {"at": now_text(), "attempt": self.attempt, **row})


@cache
def find_journal() -> Journal | None:
    """The journal of the run this process trains; None when Axolotl was started by hand."""
    folder = os.environ.get(RUN_FOLDER_VARIABLE)
    if not folder:
        return None
    attempt = int(os.environ.get(ATTEMPT_VARIABLE, "1"))
    return Journal(RunPaths(Path(folder)), attempt, speaks=os.environ.get("RANK", "0") == "0")
