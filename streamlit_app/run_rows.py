"""What the list of runs shows of each, and how rows are found and put in order. Pure."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.run.notes import Notes
from core.run.phase import Phase
from core.run.status import RunStatus, elapsed_s
from streamlit_app.display import dataset_text, duration_text, model_text
from streamlit_app.run_losses import Losses
from streamlit_app.spec_summary import Summary


@dataclass(frozen=True)
class Row:
    """What the list shows of a run; `found_by` is what it is searched in, in lower case."""

    run_id: str
    name: str
    phase: Phase
    base_model: str
    method: str
    dataset: str
    tags: tuple[str, ...]
    steps: int
    loss: float | None
    best_eval_loss: float | None
    tokens_per_second: float | None
    took: str
    started_at: datetime | None
    found_by: str

    @property
    def best(self) -> float | None:
        """The best validation loss, or the newest loss where none was measured."""
        return self.loss if self.best_eval_loss is None else self.best_eval_loss


@dataclass(frozen=True)
class Wanted:
    """Which rows are wanted; what is empty lets all pass."""

    text: str = ""
    phases: Collection[Phase] = ()
    base_models: Collection[str] = ()
    datasets: Collection[str] = ()
    methods: Collection[str] = ()
    tags: Collection[str] = ()
    max_loss: float | None = None

    def words(self) -> list[str]:
        """The words that all have to be found."""
        return self.text.lower().split()


def make_row(status: RunStatus, summary: Summary, losses: Losses, notes: Notes) -> Row:
    """The row of a run."""
    base_model = model_text(summary.base_model)
    dataset = ", ".join(map(dataset_text, summary.datasets))
    found_by = (status.name, base_model, summary.method, dataset, status.run_id, notes.text)
    return Row(
        run_id=status.run_id,
        name=status.name,
        phase=status.phase,
        base_model=base_model,
        method=summary.method,
        dataset=dataset,
        tags=notes.tags,
        steps=status.progress.step,
        loss=losses.loss,
        best_eval_loss=losses.best_eval_loss,
        tokens_per_second=losses.tokens_per_second,
        took=duration_text(elapsed_s(status, status.ended_at)) if status.ended_at else "",
        started_at=status.started_at,
        found_by=" ".join([*found_by, *notes.tags]).lower(),
    )


def filtered(rows: Sequence[Row], wanted: Wanted) -> list[Row]:
    """The rows that hold every word, have one of the chosen values of each kind, and every tag."""
    words, tags = wanted.words(), set(wanted.tags)
    chosen = [
        (values, of)
        for values, of in (
            (wanted.phases, lambda row: row.phase),
            (wanted.base_models, lambda row: row.base_model),
            (wanted.datasets, lambda row: row.dataset),
            (wanted.methods, lambda row: row.method),
        )
        if values
    ]
    return [
        row
        for row in rows
        if all(word in row.found_by for word in words)
        and all(of(row) in values for values, of in chosen)
        and tags.issubset(row.tags)
        and _is_low_enough(row, wanted.max_loss)
    ]


def ordered(rows: Sequence[Row], order: str) -> list[Row]:
    """The rows in one of ORDERS; those without the number stand last, as they were."""
    numbers = [ORDERS[order](row) for row in rows]
    told = [(number, place) for place, number in enumerate(numbers) if number is not None]
    untold = [row for row, number in zip(rows, numbers, strict=True) if number is None]
    return [rows[place] for _, place in sorted(told)] + untold


ORDERS: dict[str, Callable[[Row], float | None]] = {
    "Newest first": lambda row: 0.0,
    "Best validation loss first": lambda row: row.best_eval_loss,
    "Lowest loss first": lambda row: row.loss,
    "Fastest first": lambda row: None if (n := row.tokens_per_second) is None else -n,
}
"""How rows can be sorted, each by a number, the lowest first."""


def _is_low_enough(row: Row, max_loss: float | None) -> bool:
    return max_loss is None or (row.best is not None and row.best <= max_loss)
