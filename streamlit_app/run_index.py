"""Every run with what a list shows of it, each file read again only when it changed."""

from collections.abc import Iterable
from pathlib import Path

from core.files import Stamp, stamp
from core.run.notes import Notes, load_notes
from core.run.store import Run, Store
from streamlit_app.run_losses import Losses, LossReader
from streamlit_app.spec_summary import Summary, read_summary

Seen = tuple[Stamp, Stamp | None]
"""How metrics and journal stood when a run's losses were read."""

NEVER = (0, 0, 0)
"""The stamp of a file that is not there."""


class RunIndex:
    """The runs of a store. Threads may share it: every cell is replaced whole."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._runs: dict[str, tuple[Stamp, Run | None]] = {}
        self._summaries: dict[str, Summary] = {}
        self._losses: dict[str, tuple[Seen, LossReader, Losses]] = {}
        self._notes: dict[str, tuple[Stamp, Notes]] = {}

    def runs(self) -> list[Run]:
        """Every readable run, the newest first."""
        paths = {paths.run_id: paths.status for paths in self.store.workspace.run_folders()}
        for gone in set(self._runs) - set(paths):
            for cache in (self._runs, self._summaries, self._losses, self._notes):
                cache.pop(gone, None)
        found = [self._run(run_id, path) for run_id, path in paths.items()]
        return sorted((run for run in found if run), key=lambda run: run.run_id, reverse=True)

    def find(self, run_id: str) -> Run | None:
        """The run; the same object as long as its record has not changed."""
        return self._run(run_id, self.store.workspace.run(run_id).status)

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

    def _run(self, run_id: str, path: Path) -> Run | None:
        seen = stamp(path)
        known = self._runs.get(run_id)
        if known is None or known[0] != seen:
            known = seen, self.store.find_run(run_id)
            self._runs[run_id] = known
        return known[1]
