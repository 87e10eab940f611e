"""What came of the chosen runs, and which of their parameters differ."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.csv_text import csv_bytes
from streamlit_app import live_part, session
from streamlit_app.compare_facts import (
    MAX_ROWS,
    Compared,
    fact_rows,
    parameter_keys,
    parameter_rows,
    summary_table,
)

SAME = "These runs were started with the same parameters."
ALONE = "Add a second run to see which parameters differ."
NO_PARAMETERS = "No parameters of these runs are known."


def show(runs: Sequence[Compared]) -> None:
    """Two tables with a column for each run, and both as one file."""
    currency = session.usual_settings().currency
    st.subheader("Results", anchor=False)
    _show_table("Results", "Result", runs, fact_rows(runs, currency))
    is_all = _show_heading()
    keys = parameter_keys(runs, is_all)
    if keys:
        _show_table("Parameters", "Parameter", runs, parameter_rows(runs, keys))
    else:
        st.caption(_why_none(runs, is_all))
    if len(keys) > MAX_ROWS:
        st.caption(f"The first {MAX_ROWS} of {len(keys):,} parameters; the file holds all of them.")
    st.download_button(
        "Table as CSV",
        lambda: csv_bytes(summary_table(runs, currency, keys)),
        "runs.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="download table",
        help="A line for each run: its results, and the parameters that are shown here.",
    )


def _show_heading() -> bool:
    """The heading of the parameters; whether all of them are wanted."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.subheader("Parameters", anchor=False, width="content")
        return st.toggle(
            "Show those that are the same, too", key="compare all", persist_state="session"
        )


def _why_none(runs: Sequence[Compared], is_all: bool) -> str:
    if is_all or not any(run.parameters for run in runs):
        return NO_PARAMETERS
    return SAME if len(runs) > 1 else ALONE


def _show_table(
    title: str, corner: str, runs: Sequence[Compared], rows: Sequence[dict[str, Any]]
) -> None:
    columns = [{"id": run.run_id, "name": run.name, "slot": run.slot} for run in runs]
    data = {"title": title, "corner": corner, "runs": columns, "rows": list(rows)}
    live_part.show("compare_table", data, key=f"compare {title}")
