"""Runs as a table."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import pandas as pd
import streamlit as st

from core.run.phase import Phase
from core.run.store import Run
from streamlit_app import session
from streamlit_app.components.finished_list import took_s
from streamlit_app.display import (
    PHASE_COLORS,
    UNKNOWN,
    dataset_text,
    duration_text,
    model_text,
    phase_text,
)
from streamlit_app.run_losses import Losses
from streamlit_app.spec_summary import Summary

HEIGHT = 620
MAX_ROWS = 16
DRAWN = "runs drawn"


@dataclass(frozen=True)
class Row:
    """What the table shows of a run."""

    run_id: str
    name: str
    phase: Phase
    base_model: str
    method: str
    dataset: str
    steps: int
    loss: float | None
    eval_loss: float | None
    took: str
    started_at: datetime | None


def rows(runs: Iterable[Run]) -> list[Row]:
    """A row per run, in the same order."""
    # Looked up once: it costs more than what it is asked for.
    index = session.index()
    return [_row(run, index.summary(run), index.losses(run)) for run in runs]


def filtered(rows: Sequence[Row], text: str, phases: Collection[Phase]) -> list[Row]:
    """The rows that hold every word of the text and are in a chosen phase, if any is chosen."""
    words = text.lower().split()
    return [
        row
        for row in rows
        if (not phases or row.phase in phases) and all(word in _searched(row) for word in words)
    ]


def show(rows: Sequence[Row]) -> str | None:
    """The table; the id of the run that was clicked."""
    # A click tells a place in the table as it was drawn last, and runs may have come since.
    drawn = st.session_state.get(DRAWN)
    st.session_state[DRAWN] = run_ids = [row.run_id for row in rows]
    event = st.dataframe(
        _frame(rows),
        key="runs table",
        hide_index=True,
        height="content" if len(rows) <= MAX_ROWS else HEIGHT,
        placeholder=UNKNOWN,
        on_select="rerun",
        selection_mode="single-cell",
        column_config=COLUMNS,
        alt="All runs",
    )
    cells = event.selection.cells
    place = cells[0][0] if cells else None
    seen = run_ids if drawn is None else drawn
    return seen[place] if place is not None and place < len(seen) else None


COLUMNS = {
    "name": st.column_config.TextColumn("Name", pinned=True, width=140),
    "phase": st.column_config.MultiselectColumn(
        "Phase",
        options=[phase_text(phase) for phase in Phase],
        color=[PHASE_COLORS[phase] for phase in Phase],
        width=90,
    ),
    "base_model": st.column_config.TextColumn("Base model", width=110),
    "method": st.column_config.TextColumn("Method", width=58),
    "dataset": st.column_config.TextColumn("Dataset", width=80),
    "steps": st.column_config.NumberColumn("Steps", format="localized", width=56),
    "loss": st.column_config.NumberColumn("Loss", format="%.4f", width=60),
    "eval_loss": st.column_config.NumberColumn("Val. loss", format="%.4f", width=64),
    "took": st.column_config.TextColumn("Time", width=78),
    "started_at": st.column_config.DatetimeColumn("Started", format="YYYY-MM-DD HH:mm", width=116),
}


def _row(run: Run, summary: Summary, losses: Losses) -> Row:
    status = run.status
    return Row(
        run_id=run.run_id,
        name=status.name,
        phase=status.phase,
        base_model=model_text(summary.base_model),
        method=summary.method,
        dataset=", ".join(map(dataset_text, summary.datasets)),
        steps=status.progress.step,
        loss=losses.loss,
        eval_loss=losses.eval_loss,
        took=duration_text(took_s(status)) if status.ended_at else "",
        started_at=status.started_at,
    )


def _searched(row: Row) -> str:
    return f"{row.name} {row.base_model} {row.method} {row.dataset} {row.run_id}".lower()


def _frame(rows: Sequence[Row]) -> pd.DataFrame:
    frame = pd.DataFrame([asdict(row) for row in rows]).drop(columns="run_id")
    frame["phase"] = [[phase_text(row.phase)] for row in rows]
    for name in ("loss", "eval_loss"):
        frame[name] = frame[name].astype("float64")
    started = pd.to_datetime(frame["started_at"], utc=True)
    frame["started_at"] = started.dt.tz_convert(session.zone())
    return frame
