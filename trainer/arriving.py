"""What a process that works on an arrival does beside its work: tells how far it is, looks for the
wish to cancel, and writes down how it ended.
"""

import os
import shutil
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from core.clock import now
from core.dataset.arrival.arrival import Cancelled
from core.dataset.arrival.outcome import CANCELLED, Outcome, failed
from core.dataset.arrival.outcome import to_record as outcome_to_record
from core.dataset.arrival.progress import Progress, move_on
from core.dataset.arrival.progress import to_record as progress_to_record
from core.dataset.library import SameContentError
from core.errors import DatasetError, TrainerUIError
from core.files import save_json
from core.lock import take_lock
from core.paths import ArrivalPaths
from trainer.model_trouble import one_line

TELL_EVERY_S = 0.5
LOOK_EVERY_S = 0.1
NICENESS = 10
"""Trainings and the page come first."""


class Teller:
    """Writes `progress.json` at most twice a second, and notices when it is cancelled."""

    def __init__(
        self, paths: ArrivalPaths, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._paths = paths
        self._monotonic = monotonic
        self._last: Progress | None = None
        self._tell_at = self._look_at = float("-inf")

    def tell(
        self,
        stage: str,
        bytes_done: int = 0,
        bytes_total: int = 0,
        rows: int = 0,
        bad_rows: int = 0,
    ) -> None:
        """Say how far it is; cheap enough for every few rows. Raises Cancelled when it is."""
        at = self._monotonic()
        if at >= self._look_at:
            self._look_at = at + LOOK_EVERY_S
            if self._paths.cancel.exists():
                raise Cancelled
        is_new = self._last is None or self._last.stage != stage
        if is_new or at >= self._tell_at:
            self._tell_at = at + TELL_EVERY_S
            moment = now()
            seen = Progress(stage, moment, moment, bytes_done, bytes_total, rows, bad_rows)
            self._last = move_on(self._last, seen)
            save_json(self._paths.progress, progress_to_record(self._last), durable=False)


def work(folder: Path, do: Callable[[ArrivalPaths, Teller], Outcome | None]) -> None:
    """Do the work on the arrival, alone, and write down how it ended.

    Without an outcome the work has left something else that tells of it.
    """
    paths = ArrivalPaths(folder.resolve())
    lock = take_lock(paths.lock)
    if lock is None:
        print("another process works on this arrival")
        return
    # An earlier attempt may have been killed.
    shutil.rmtree(paths.dataset, ignore_errors=True)
    outcome = _attempt(paths, do)
    shutil.rmtree(paths.dataset, ignore_errors=True)
    if outcome is not None:
        save_json(paths.outcome, outcome_to_record(outcome))
    os.close(lock)


def _attempt(
    paths: ArrivalPaths, do: Callable[[ArrivalPaths, Teller], Outcome | None]
) -> Outcome | None:
    try:
        return do(paths, Teller(paths))
    except Cancelled:
        return CANCELLED
    except SameContentError as error:
        return failed(str(error), same_as=error.dataset.name)
    except DatasetError as error:
        bad = getattr(error, "bad", ())
        return failed(_sentence(str(error)), getattr(error, "bad_rows", 0), bad)
    except TrainerUIError as error:
        return failed(_sentence(str(error)))
    except Exception as error:
        # Files made by strangers: whatever breaks in them, people get a sentence.
        traceback.print_exc()
        return failed(
            f"It failed unexpectedly: {type(error).__name__}: {one_line(error)}. "
            "What it printed is in import.log."
        )


def _sentence(text: str) -> str:
    text = f"{text[:1].upper()}{text[1:]}"
    return text if text.endswith((".", "!", "?")) else f"{text}."
