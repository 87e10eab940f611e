"""Every dataset of the workspace in a table; a click opens one."""

from collections.abc import Sequence

import streamlit as st

from core.dataset.card import Dataset
from streamlit_app import dataset_state
from streamlit_app.dataset_words import KIND_WORDS, format_text, version_text
from streamlit_app.display import bytes_text

TABLE = "dataset_table"
CLICKED = "dataset_clicked"
DRAWN = "dataset_drawn"
NAME_WIDTH = 190
COUNT = st.column_config.NumberColumn(format="localized", width="small")


def show(datasets: Sequence[Dataset]) -> None:
    """The table, without columns in which nothing stands."""
    versions = [version_text(one) for one in datasets]
    columns = {
        "Name": [one.name for one in datasets],
        **({"Version": versions} if any(versions) else {}),
        "Rows": [one.rows for one in datasets],
        "Validation": [one.validation_rows for one in datasets],
        "Left out": [one.report.bad_rows for one in datasets],
        "Size": [bytes_text(one.bytes) for one in datasets],
        "Format": [_format_text(one) for one in datasets],
        "Added": [one.created_at for one in datasets],
    }
    event = st.dataframe(
        columns,
        hide_index=True,
        column_config={
            "Name": st.column_config.TextColumn(pinned=True, width=NAME_WIDTH),
            "Version": st.column_config.TextColumn(width=70),
            "Rows": COUNT,
            "Validation": COUNT,
            "Left out": COUNT,
            "Added": st.column_config.DatetimeColumn(format="distance"),
        },
        key=TABLE,
        on_select="rerun",
        selection_mode="single-row",
        alt="The datasets of this workspace",
    )
    names = [one.name for one in datasets]
    # A click tells a place in the table as it was drawn last.
    _remember(event["selection"]["rows"], st.session_state.get(DRAWN, names))
    st.session_state[DRAWN] = names


def _format_text(dataset: Dataset) -> str:
    words = format_text(dataset.format)
    kind = KIND_WORDS.get(dataset.kind, dataset.kind)
    is_same = kind in words.lower()
    return words if is_same else f"{words} · {kind}"


def _remember(rows: Sequence[int], names: Sequence[str]) -> None:
    """Open the dataset that was clicked just now; an older click does not hide a newer choice."""
    if rows == st.session_state.get(CLICKED):
        return
    st.session_state[CLICKED] = list(rows)
    if rows and rows[0] < len(names):
        dataset_state.choose(names[rows[0]])
