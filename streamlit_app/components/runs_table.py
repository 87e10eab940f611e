"""Runs as a table: a click on a row opens the run, its box at the left chooses it."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.run.phase import Phase
from core.run.store import Run
from streamlit_app import session
from streamlit_app.display import PHASE_COLORS, UNKNOWN, phase_text
from streamlit_app.run_rows import Row, make_row

HEIGHT = 620
MAX_ROWS = 16
DRAWN = "runs drawn"
CHOSEN = "runs chosen"
ROUND = "runs round"
SEEN = "runs cells"
NUMBERS = ("loss", "best_eval_loss", "tokens_per_second")


def rows(runs: Iterable[Run]) -> list[Row]:
    """A row per run, in the same order."""
    # Looked up once: it costs more than what it is asked for.
    index = session.index()
    return [
        make_row(run.status, index.summary(run), index.losses(run), index.notes(run))
        for run in runs
    ]


def take_click(known: Iterable[str]) -> str | None:
    """Take over what was done in the table as it was drawn last; the id of a run to open.

    A selection tells places, and other runs may stand there by now: so each list of runs is a
    table of its own, and its places are read with the ids that it showed.
    """
    drawn: list[str] = st.session_state.get(DRAWN, [])
    state: Any = st.session_state.get(table_key(drawn)) or {}
    selection = state.get("selection", {})
    cells = [tuple(cell) for cell in selection.get("cells", ())]
    seen, st.session_state[SEEN] = st.session_state.get(SEEN, []), cells
    has_ticked = bool(selection) and _take_ticks(drawn, selection.get("rows", ()))
    there = set(known)
    st.session_state[CHOSEN] = [run_id for run_id in chosen() if run_id in there]
    # Where the last tick is taken away, the table selects its first cell: nobody has clicked it.
    if has_ticked or not cells or cells == seen:
        return None
    place = cells[0][0]
    return drawn[place] if place < len(drawn) else None


def _take_ticks(drawn: Sequence[str], places: Iterable[int]) -> bool:
    """Choose the runs at these places of the table, and no other one in it; whether that is new."""
    before = chosen()
    ticked = [drawn[place] for place in places if place < len(drawn)]
    unticked = set(drawn) - set(ticked)
    kept = [run_id for run_id in before if run_id not in unticked]
    st.session_state[CHOSEN] = list(dict.fromkeys([*kept, *ticked]))
    return chosen() != before


def chosen() -> list[str]:
    """The ids of the runs that were ticked, those out of sight as well, in that order."""
    return list(st.session_state.get(CHOSEN, []))


def clear() -> None:
    """Choose no run, and draw a table without ticks."""
    drawn = st.session_state.get(DRAWN, [])
    st.session_state.pop(table_key(drawn), None)
    st.session_state[CHOSEN] = []
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1


def show(rows: Sequence[Row]) -> None:
    """The table, with the chosen runs ticked; `take_click` tells what is done in it."""
    st.session_state[DRAWN] = run_ids = [row.run_id for row in rows]
    ticked = set(chosen())
    places = [place for place, run_id in enumerate(run_ids) if run_id in ticked]
    st.dataframe(
        _frame(rows),
        key=table_key(run_ids),
        hide_index=True,
        height="content" if len(rows) <= MAX_ROWS else HEIGHT,
        placeholder=UNKNOWN,
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        selection_default={"selection": {"rows": places}},
        column_config=COLUMNS,
        alt="All runs",
    )


def table_key(run_ids: Sequence[str]) -> str:
    """The name of the table that shows these runs in this order."""
    whole = hashlib.sha256("\n".join(run_ids).encode()).hexdigest()
    return f"runs table {whole[:16]} {st.session_state.get(ROUND, 0)}"


COLUMNS = {
    "name": st.column_config.TextColumn("Name", pinned=True, width=140),
    "phase": st.column_config.MultiselectColumn(
        "Phase",
        options=[phase_text(phase) for phase in Phase],
        color=[PHASE_COLORS[phase] for phase in Phase],
        width=90,
    ),
    "base_model": st.column_config.TextColumn("Base model", width=98),
    "method": st.column_config.TextColumn("Method", width=58),
    "dataset": st.column_config.TextColumn("Dataset", width=76),
    "tags": st.column_config.ListColumn("Tags", width=80),
    "steps": st.column_config.NumberColumn("Steps", format="localized", width=54),
    "loss": st.column_config.NumberColumn("Loss", format="%.4f", width=60),
    "best_eval_loss": st.column_config.NumberColumn(
        "Best val.", format="%.4f", width=66, help="The best validation loss of the run"
    ),
    "tokens_per_second": st.column_config.NumberColumn(
        "Tokens/s", format="localized", width=66, help="Tokens per second, at the last log event"
    ),
    "took": st.column_config.TextColumn("Time", width=76),
    "started_at": st.column_config.DatetimeColumn("Started", format="YYYY-MM-DD HH:mm", width=112),
}


def _frame(rows: Sequence[Row]) -> pd.DataFrame:
    """The columns of the table; there are no tags where nobody wrote any."""
    frame = pd.DataFrame({name: [getattr(row, name) for row in rows] for name in COLUMNS})
    frame["phase"] = [[phase_text(row.phase)] for row in rows]
    for name in NUMBERS:
        frame[name] = frame[name].astype("float64")
    frame["tokens_per_second"] = frame["tokens_per_second"].round()
    frame["tags"] = [list(row.tags) for row in rows]
    if not any(row.tags for row in rows):
        frame = frame.drop(columns="tags")
    started = pd.to_datetime(frame["started_at"], utc=True, errors="coerce")
    frame["started_at"] = started.dt.tz_convert(session.zone())
    return frame
