"""Every run with what a list shows of it, each file read again only when it changed."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import SpecError
from core.files import Stamp, parse_json_lines, read_tail, stamp
from core.monitor.resumes import Resumes
from core.run.store import Run, Store
from core.safe_yaml import load_yaml_mapping
from core.spec.run_spec import RunSpec

Seen = tuple[Stamp, Stamp | None]
"""How metrics and journal stood when a run's losses were read."""

# Validation is rarer than the loss: most files need the first look only.
TAIL_BYTES = (16 * 1024, 1024 * 1024)


@dataclass(frozen=True)
class Summary:
    """What a run was asked to do, in short."""

    base_model: str = ""
    method: str = ""
    datasets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Losses:
    """The newest loss and validation loss of a run."""

    loss: float | None = None
    eval_loss: float | None = None


class RunIndex:
    """The runs of a store. Threads may share it: every cell is replaced whole."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._runs: dict[str, tuple[Stamp, Run | None]] = {}
        self._summaries: dict[str, Summary] = {}
        self._losses: dict[str, tuple[Seen, Losses]] = {}

    def runs(self) -> list[Run]:
        """Every readable run, the newest first."""
        paths = {paths.run_id: paths.status for paths in self.store.workspace.run_folders()}
        for gone in set(self._runs) - set(paths):
            for cache in (self._runs, self._summaries, self._losses):
                cache.pop(gone, None)
        found = [self._run(run_id, path) for run_id, path in paths.items()]
        return sorted((run for run in found if run), key=lambda run: run.run_id, reverse=True)

    def summary(self, run: Run) -> Summary:
        """What the run was asked to do; its spec never changes, so it is read once."""
        if run.run_id not in self._summaries:
            self._summaries[run.run_id] = read_summary(run)
        return self._summaries[run.run_id]

    def losses(self, run: Run) -> Losses:
        """The newest losses of the run."""
        was_resumed = run.status.attempt > 1
        seen = stamp(run.paths.metrics), stamp(run.paths.journal) if was_resumed else None
        known = self._losses.get(run.run_id)
        if known is None or known[0] != seen:
            resumes = Resumes(run.paths.journal)
            if was_resumed:
                resumes.refresh()
            known = seen, read_losses(run.paths.metrics, resumes)
            self._losses[run.run_id] = known
        return known[1]

    def _run(self, run_id: str, path: Path) -> Run | None:
        seen = stamp(path)
        known = self._runs.get(run_id)
        if known is None or known[0] != seen:
            known = seen, self.store.find_run(run_id)
            self._runs[run_id] = known
        return known[1]


def read_summary(run: Run) -> Summary:
    """The summary of a spec that was checked when it was taken; empty when it cannot be read."""
    try:
        config = load_yaml_mapping(run.paths.spec.read_bytes())
        config.pop("run", None)
        spec = RunSpec(run.status.name, {"base_model": "", **config})
        return Summary(spec.base_model, spec.method, spec.datasets)
    except (OSError, SpecError, AttributeError, TypeError):
        return Summary()


def read_losses(path: Path, resumes: Resumes) -> Losses:
    """The newest losses of a metrics file, looked for near its end.

    Those of steps that were trained again are left out.
    """
    losses = Losses()
    for size_bytes in TAIL_BYTES:
        lines = read_tail(path, size_bytes).splitlines()
        losses = Losses(_newest(lines, "loss", resumes), _newest(lines, "eval_loss", resumes))
        if None not in (losses.loss, losses.eval_loss):
            break
    return losses


def _newest(lines: list[str], key: str, resumes: Resumes) -> float | None:
    """The value in the last line that has one; only lines with the key are parsed."""
    word = f'"{key}"'
    rows = (row for line in reversed(lines) if word in line for row in parse_json_lines([line]))
    values = (row.get(key) for row in rows if resumes.keeps(row))
    return next((float(value) for value in values if isinstance(value, int | float)), None)
