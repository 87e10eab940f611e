"""Every run with what a list shows of it, each file read again only when it changed."""

from collections.abc import Iterable
from pathlib import Path

from core.files import Stamp, stamp
from core.run.notes import Notes, load_notes
from core.run.phase import FINISHED
from core.run.store import Run, Store
from streamlit_app.run_losses import Losses, LossReader
from streamlit_app.spec_summary import Summary, read_summary

Seen = tuple[Stamp, Stamp | None]
"""How metrics and journal stood when a run's losses were read."""

NEVER = (0, 0, 0)
"""The stamp of a file that is not there."""

SLICE = 200
"""So many ended runs are looked at in a call: one changes only when it is retried."""


class RunIndex:
    """The runs of a store. Threads may share it: every cell is replaced whole."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._runs: dict[str, tuple[Stamp, Run | None]] = {}
        self._summaries: dict[str, Summary] = {}
        self._losses: dict[str, tuple[Seen, LossReader, Losses]] = {}
        self._notes: dict[str, tuple[Stamp, Notes]] = {}
        self._records: dict[str, Path] = {}
        self._asked: dict[str, Run] = {}
        self._turn = 0

    def runs(self) -> list[Run]:
        """Every readable run, the newest first.

        Those that have not ended are as they are now. The ended ones are looked at in turn when
        there are many: what somebody else retried is seen some calls later.
        """
        run_ids = self.store.workspace.run_ids()[::-1]
        for gone in self._runs.keys() - run_ids:
            self.forget(gone)
        for run_id in self._due(run_ids):
            self._look(run_id)
        found = (self._runs[run_id][1] for run_id in run_ids if run_id in self._runs)
        return [run for run in found if run]

    def expect(self, run_id: str) -> None:
        """Something was asked of the run: look at it in every call until it has changed."""
        known = self._runs.get(run_id)
        if known and known[1]:
            self._asked[run_id] = known[1]

    def forget(self, run_id: str) -> None:
        """Know nothing of the run any more."""
        caches = (self._runs, self._records, self._summaries, self._losses, self._notes)
        for cache in (*caches, self._asked):
            cache.pop(run_id, None)

    def summary(self, run: Run) -> Summary:
        """What the run was asked to do; its spec never changes, so it is read once."""
        if run.run_id not in self._summaries:
            self._summaries[run.run_id] = read_summary(run.paths.spec)
        return self._summaries[run.run_id]

    def losses(self, run: Run) -> Losses:
        """The newest and best losses of the run."""
        was_resumed = run.status.attempt > 1
        seen = stamp(run.paths.metrics), stamp(run.paths.journal) if was_resumed else None
        known = self._losses.get(run.run_id)
        if known is None or known[0] != seen:
            reader = known[1] if known else LossReader(run.paths)
            known = seen, reader, reader.read(was_resumed)
            self._losses[run.run_id] = known
        return known[2]

    def notes(self, run: Run) -> Notes:
        """What people wrote about the run."""
        seen = stamp(run.paths.notes)
        known = self._notes.get(run.run_id)
        if known is None or known[0] != seen:
            known = seen, Notes() if seen == NEVER else load_notes(run.paths.notes)
            self._notes[run.run_id] = known
        return known[1]

    def tags(self, runs: Iterable[Run]) -> list[str]:
        """Every tag that one of the runs has, sorted."""
        return sorted({tag for run in runs for tag in self.notes(run).tags})

    def _due(self, run_ids: list[str]) -> list[str]:
        """Every run that may move, and as many of the others as it is the turn of."""
        known = {run_id: self._runs.get(run_id) for run_id in run_ids}
        ended = [run_id for run_id, cell in known.items() if self._rests(run_id, cell)]
        start = self._turn if self._turn < len(ended) else 0
        self._turn = start + SLICE
        resting = set(ended)
        return [
            *(run_id for run_id in run_ids if run_id not in resting),
            *ended[start : self._turn],
        ]

    def _rests(self, run_id: str, cell: tuple[Stamp, Run | None] | None) -> bool:
        """Whether the run has ended, and nobody waits for it to change."""
        if cell is None or cell[1] is None or cell[1].status.phase not in FINISHED:
            return False
        if self._asked.get(run_id) is not cell[1]:
            self._asked.pop(run_id, None)
            return True
        return False

    def _look(self, run_id: str) -> None:
        """Read the run's record again if it has changed."""
        path = self._records.get(run_id)
        if path is None:
            path = self._records[run_id] = self.store.workspace.run(run_id).status
        seen, known = stamp(path), self._runs.get(run_id)
        if known is None or known[0] != seen:
            self._runs[run_id] = seen, self.store.find_run(run_id)
