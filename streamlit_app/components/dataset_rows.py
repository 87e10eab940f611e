"""The rows of a dataset: some by chance as they are read, or all of them in a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.dataset.card import Dataset
from core.dataset.format import show as short
from core.dataset.sample import sample_rows
from core.dataset.table import MAX_FOUND, Found, TableRow, count_lines, read_page, search
from core.files import Stamp, file_size, stamp
from streamlit_app.components import row_sample
from streamlit_app.dataset_words import length_of, said_by
from streamlit_app.display import count_text, rows_text

SAMPLE = 20
PAGE = 50
CHANCE, TABLE = "By chance", "As a table"
TRAIN, VALIDATION = "To train on", "For validation"
THUMBS = {True: "👍 good", False: "👎 bad"}
READING = "Reading the rows…"
LARGE_BYTES = 2 * 1000**3
"""Searching more than this takes a while."""


def show(dataset: Dataset) -> None:
    """The way to look at them, and the rows."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        way = st.segmented_control(
            "Rows", [CHANCE, TABLE], default=CHANCE, required=True, key="rows_way"
        )
        part = TRAIN
        if dataset.validation_rows and way == TABLE:
            part = st.segmented_control(
                "Part", [TRAIN, VALIDATION], default=TRAIN, required=True, key="rows_part"
            )
    if way == TABLE:
        path = dataset.paths.validation if part == VALIDATION else dataset.paths.train
        _show_table(dataset, path)
    else:
        _show_sample(dataset)


def _show_sample(dataset: Dataset) -> None:
    state = f"sample_seed {dataset.name}"
    if dataset.rows > SAMPLE:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{SAMPLE} of {rows_text(dataset.rows)}, chosen by chance.")
            st.button("Others", icon=":material/shuffle:", on_click=_next_sample, args=(state,))
    row_sample.show(sample_rows(dataset, SAMPLE, st.session_state.get(state, 0)))


def _next_sample(state: str) -> None:
    st.session_state[state] = st.session_state.get(state, 0) + 1


def _show_table(dataset: Dataset, path: Path) -> None:
    words = st.text_input(
        "Search",
        key=f"rows_search {dataset.name}",
        icon=":material/search:",
        placeholder="Words that stand in the row",
        help=f"Large and small Latin letters count the same. Stops after {MAX_FOUND:,} rows.",
    )
    if words:
        rows, key = _find(path, words), f"found {dataset.name} {path.name} {words}"
    else:
        rows, key = _page(path), f"page {dataset.name} {path.name}"
    if not rows:
        return
    event = st.dataframe(
        [_cells(dataset.kind, row) for row in rows],
        hide_index=True,
        column_config={
            "Line": st.column_config.NumberColumn(width=70, format="localized"),
            "Characters": st.column_config.NumberColumn(width=100, format="localized"),
        },
        key=f"{key} {rows[0].line}",
        on_select="rerun",
        selection_mode="single-row",
        alt=f"Rows of {dataset.name}, from line {rows[0].line:,}",
    )
    chosen = [at for at in event["selection"]["rows"] if at < len(rows)]
    if chosen:
        row = rows[chosen[0]]
        with st.container(border=True):
            st.caption(f"Line {count_text(row.line)}")
            row_sample.show_row(row.value)
    else:
        st.caption("Choose a row to read all of it.")


def _page(path: Path) -> Sequence[TableRow]:
    """The rows of the page that was turned to."""
    # The lines of a large file are counted before its first page.
    with st.spinner(READING, show_time=True):
        pages = max(1, -(-count_lines(path) // PAGE))
    page = st.pagination(pages, key=f"rows_page {path}") if pages > 1 else 1
    with st.spinner(READING, show_time=True):
        return read_page(path, (page - 1) * PAGE + 1, PAGE)


def _find(path: Path, words: str) -> Sequence[TableRow]:
    """A page of the rows in which the words were found."""
    note = "Searching…"
    if file_size(path) > LARGE_BYTES:
        note = "Searching a large file; this takes a while…"
    with st.spinner(note, show_time=True):
        found = _search(path, stamp(path), words)
    st.caption(_found_text(found))
    pages = -(-len(found.rows) // PAGE)
    page = st.pagination(pages, key=f"rows_found {path} {words}") if pages > 1 else 1
    return found.rows[(page - 1) * PAGE : page * PAGE]


def _found_text(found: Found) -> str:
    """How many rows were found, and whether all of them were looked at."""
    count = len(found.rows)
    if found.is_all:
        return f"{rows_text(count)} found." if count else "No row holds these words."
    if count >= MAX_FOUND:
        return f"The first {rows_text(count)} found."
    told = f"{rows_text(count)} found" if count else "None found"
    return f"{told} so far: the file is large, and only its first part was searched."


@st.cache_resource(max_entries=8, show_spinner=False)
def _search(path: Path, changed: Stamp, words: str) -> Found:
    return search(path, words)


def _cells(kind: str, row: TableRow) -> dict[str, Any]:
    """A row as a line of the table: what matters of its kind, cut."""
    cells: dict[str, Any] = {"Line": row.line} | _said(kind, row.value)
    return cells | {"Characters": length_of(row.value)}


def _said(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    try:
        if kind == "completion":
            return {"Text": short(row["text"])}
        if kind == "preference":
            return {
                "Question": short(said_by(row, "user")),
                "Better answer": short(row["chosen"][-1]["content"]),
                "Worse answer": short(row["rejected"][-1]["content"]),
            }
        said: dict[str, Any] = {
            "Question": short(said_by(row, "user")),
            "Answer": short(said_by(row, "assistant")),
        }
        if kind == "labelled":
            return {**said, "Label": THUMBS[row["label"]]}
        return {**said, "Turns": len(row["messages"])}
    except (KeyError, IndexError, TypeError):
        # A folder that was copied in by hand can hold anything.
        return {"Row": short(row)}
