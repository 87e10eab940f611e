"""Which runs the list shows, and in which order."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.run.phase import Phase
from streamlit_app.display import method_text, phase_text, plain
from streamlit_app.run_rows import ORDERS, Row, Wanted

KINDS = ("phases", "base_models", "datasets", "methods", "tags")
LOSS = "runs max loss"
TEXT = "runs text"


def show(rows: Sequence[Row]) -> tuple[Wanted, str]:
    """A search, an order and, behind a button, what else there is to choose by."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        text = st.text_input(
            "Search",
            placeholder="Name, model, dataset, tag or notes",
            key=TEXT,
            persist_state="session",
            width="stretch",
        )
        order = st.selectbox(
            "Order", list(ORDERS), key="runs order", width=230, persist_state="session"
        )
        wanted = _show_more(rows, text or "")
    if told := _told(wanted):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f"Only {plain(told)}.", width="content")
            st.button("Clear filters", on_click=clear, type="tertiary", icon=":material/close:")
    return wanted, order or next(iter(ORDERS))


def clear() -> None:
    """Want every run again."""
    for kind in KINDS:
        st.session_state[_key(kind)] = []
    st.session_state[LOSS] = None


def _show_more(rows: Sequence[Row], text: str) -> Wanted:
    """The filters that can choose something; no button when there is none."""
    options = _options(rows)
    can_choose = {kind: len(found) >= LEAST[kind] for kind, found in options.items()}
    has_loss = sum(row.best is not None for row in rows) > 1
    if not any(can_choose.values()) and not has_loss:
        return Wanted(text)
    chosen: dict[str, Any] = {}
    with st.popover("Filters", icon=":material/filter_list:", key="runs filters"):
        for kind in KINDS:
            if can_choose[kind]:
                chosen[kind] = _choose(kind, options[kind])
        if has_loss:
            chosen["max_loss"] = st.number_input(
                "Loss at most",
                min_value=0.0,
                value=None,
                step=0.1,
                format="%.3f",
                key=LOSS,
                placeholder="Any",
                help="The best validation loss; the newest loss of a run without validation.",
                persist_state="session",
            )
    return Wanted(text, **chosen)


def _choose(kind: str, options: list[Any]) -> list[Any]:
    """Few values as pills, many as a list to search in."""
    key, shown = _key(kind), WORDS.get(kind, str)
    if any(value not in options for value in st.session_state.get(key) or ()):
        # A run that had it is gone, or has another phase by now.
        st.session_state[key] = [value for value in st.session_state[key] if value in options]
    if kind in ("phases", "methods"):
        return st.pills(
            LABELS[kind],
            options,
            selection_mode="multi",
            format_func=lambda value: plain(shown(value)),
            key=key,
            persist_state="session",
        )
    return st.multiselect(
        LABELS[kind],
        options,
        format_func=shown,
        key=key,
        placeholder="Any",
        persist_state="session",
    )


def _options(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Every value that a row has, of each kind."""
    phases = {row.phase for row in rows}
    return {
        "phases": [phase for phase in Phase if phase in phases],
        "base_models": sorted({row.base_model for row in rows} - {""}),
        "datasets": sorted({row.dataset for row in rows} - {""}),
        "methods": sorted({row.method for row in rows} - {""}),
        "tags": sorted({tag for row in rows for tag in row.tags}),
    }


def _told(wanted: Wanted) -> str:
    """The filters behind the button in words, since they are out of sight."""
    parts = [", ".join(map(phase_text, wanted.phases)).lower()]
    for kind in KINDS[1:]:
        words = WORDS.get(kind, str)
        parts.append(", ".join(words(value) for value in getattr(wanted, kind)))
    if wanted.max_loss is not None:
        parts.append(f"a loss of at most {wanted.max_loss:g}")
    return "; ".join(part for part in parts if part)


def _key(kind: str) -> str:
    return f"runs {kind}"


LABELS = {
    "phases": "Phase",
    "base_models": "Base model",
    "datasets": "Dataset",
    "methods": "Method",
    "tags": "Tags, all of them",
}
WORDS = {"phases": phase_text, "methods": method_text}
LEAST = {"phases": 2, "base_models": 2, "datasets": 2, "methods": 2, "tags": 1}
"""So many values are needed to make a choice."""
