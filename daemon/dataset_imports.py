"""Lets datasets be fetched from the Hub and imported, as the app asks for in arrivals.

A request stays until its outcome is there, so a new daemon begins anew what an earlier one could
not see through.
"""

import contextlib
from pathlib import Path

from core.dataset.arrival.arrival import load_outcome
from core.dataset.arrival.outcome import CANCELLED, Outcome, failed, to_record
from core.files import save_json, stamp
from core.lock import is_locked
from core.paths import ArrivalPaths
from daemon.errands import Errand, Errands, oldest


class Imports(Errands):
    """Answers every `import.yaml` in `uploads/.arriving`."""

    word = "import"
    module = "trainer.dataset_import"

    def request_in(self, paths: ArrivalPaths) -> Path:
        """Where the wish lies in an arrival."""
        return paths.import_request

    def answer_in(self, paths: ArrivalPaths) -> Path:
        """What is there when the wish was fulfilled."""
        return paths.outcome

    def find_next(self) -> Path | None:
        """The request that has waited longest, while nothing of this kind is at work.

        An earlier daemon's child may be: it ends its work, and what it wrote counts.
        """
        arrivals = self._workspace.arrival_folders()
        asked = [paths for paths in arrivals if self.request_in(paths).exists()]
        if any(is_locked(paths.lock) for paths in asked):
            return None
        open_requests = [self.request_in(paths) for paths in asked if not self._is_settled(paths)]
        return oldest(open_requests)

    def _is_settled(self, paths: ArrivalPaths) -> bool:
        """Whether there is nothing to start for the request; it is removed then."""
        request = self.request_in(paths)
        asked = stamp(request)
        if not self._has_answer(paths):
            if not paths.cancel.exists():
                return False
            _save(paths, CANCELLED)
        if stamp(request) == asked:
            request.unlink(missing_ok=True)
            paths.cancel.unlink(missing_ok=True)
        return True

    def _has_answer(self, paths: ArrivalPaths) -> bool:
        return load_outcome(paths) is not None

    def read(self, request: Path) -> Errand:
        """The work that is asked for; what the request says is for the process to judge."""
        paths = ArrivalPaths(request.parent)
        paths.progress.unlink(missing_ok=True)
        return Errand(
            request,
            self.module,
            [f"--arrival={paths.folder}"],
            self.answer_in(paths),
            paths.log,
            paths.cancel,
        )

    def refuse(self, errand: Errand, reason: str, is_cancelled: bool = False) -> None:
        """Write down why it came to nothing, unless the process itself has said so."""
        paths = ArrivalPaths(errand.request.parent)
        if load_outcome(paths) is None:
            _save(paths, CANCELLED if is_cancelled else failed(_sentence(reason)))


class Fetches(Imports):
    """Answers every `fetch.yaml` in `uploads/.arriving`."""

    word = "fetch"
    module = "trainer.hub_rows"

    def request_in(self, paths: ArrivalPaths) -> Path:
        """Where the wish lies in an arrival."""
        return paths.fetch_request

    def answer_in(self, paths: ArrivalPaths) -> Path:
        """What is there when the wish was fulfilled."""
        return paths.original("jsonl")

    def _has_answer(self, paths: ArrivalPaths) -> bool:
        return paths.find_original() is not None or load_outcome(paths) is not None


def _save(paths: ArrivalPaths, outcome: Outcome) -> None:
    # Discarded meanwhile: nobody wants to know any more.
    with contextlib.suppress(FileNotFoundError):
        save_json(paths.outcome, to_record(outcome))


def _sentence(reason: str) -> str:
    told = reason.rstrip(" :.")
    return f"{told[:1].upper()}{told[1:]}. Try again; what it printed is in import.log."
