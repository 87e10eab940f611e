"""Every run with what a list shows of it, each file read again only when it changed."""

from collections.abc import Iterable
from datetime import datetime
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

SLICE = 50
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
        self._ended: dict[str, Run] = {}
        self._ended_changes = 0
        self._ranked: tuple[int, list[Run]] = 0, []
        self._turn = 0

    def runs(self) -> list[Run]:
        """Every readable run, the newest first.

        Those that have not ended are as they are now. The ended ones are looked at in turn when
        there are many: what somebody else retried is seen some calls later.
        """
        cells = map(self._runs.get, self._refresh())
        return [cell[1] for cell in cells if cell and cell[1]]

    def glance(self) -> tuple[list[Run], list[Run]]:
        """As `runs`, apart: those that have not ended, and those that have.

        The newest of the ones comes first, of the others the one that ended last. It costs little,
        however many have ended.
        """
        cells = [self._runs.get(run_id) for run_id in self._refresh() if run_id not in self._ended]
        return [cell[1] for cell in cells if cell and cell[1]], self._rank()

    def expect(self, run_id: str) -> None:
        """Something was asked of the run: look at it in every call until it has changed."""
        known = self._runs.get(run_id)
        if known and known[1]:
            self._asked[run_id] = known[1]

    def forget(self, run_id: str) -> None:
        """Know nothing of the run any more."""
        caches = (self._runs, self._records, self._summaries, self._losses, self._notes)
        for cache in (*caches, self._asked, self._ended):
            cache.pop(run_id, None)
        self._ended_changes += 1

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

    def _refresh(self) -> list[str]:
        """Bring what is known up to date; the names of all folders of runs, the newest first."""
        run_ids = self.store.workspace.run_ids(self._runs)[::-1]
        for gone in self._runs.keys() - run_ids:
            self.forget(gone)
        for run_id in self._due(run_ids):
            self._look(run_id)
        return run_ids

    def _due(self, run_ids: list[str]) -> list[str]:
        """Every run that may move, and as many of the others as it is the turn of."""
        ended = list(self._ended)
        start = self._turn if self._turn < len(ended) else 0
        self._turn = start + SLICE
        moving = [run_id for run_id in run_ids if run_id not in self._ended]
        return [*moving, *self._asked, *ended[start : self._turn]]

    def _rank(self) -> list[Run]:
        """The runs that have ended, sorted again only when one has come or gone."""
        changes = self._ended_changes
        if self._ranked[0] != changes:
            self._ranked = changes, sorted(self._ended.values(), key=ended_at, reverse=True)
        return self._ranked[1]

    def _look(self, run_id: str) -> None:
        """Read the run's record again if it has changed."""
        path = self._records.get(run_id)
        if path is None:
            path = self._records[run_id] = self.store.workspace.run(run_id).status
        seen, known = stamp(path), self._runs.get(run_id)
        if known is None or known[0] != seen:
            known = self._runs[run_id] = seen, self.store.find_run(run_id)
        self._note(run_id, known[1])

    def _note(self, run_id: str, run: Run | None) -> None:
        """Keep in mind whether the run has ended, and whether it is still waited for."""
        if self._asked.get(run_id) is not run:
            self._asked.pop(run_id, None)
        ended = run if run and run.status.phase in FINISHED else None
        if self._ended.get(run_id) is ended:
            return
        if ended:
            self._ended[run_id] = ended
        else:
            self._ended.pop(run_id, None)
        self._ended_changes += 1


def ended_at(run: Run) -> datetime:
    """When it ended; when it last moved, where an older version did not note it."""
    return run.status.ended_at or run.status.since
