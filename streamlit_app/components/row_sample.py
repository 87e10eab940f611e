"""Rows of a dataset as a person reads them: as text, whatever stands in them."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.dataset.format import show as short
from streamlit_app.display import ROLE_ICONS

MAX_CHARACTERS = 2000
WIDTH = 360


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Each row in a box of its own."""
    grid = st.grid("auto", min_column_width=WIDTH, border=True)
    for row in rows:
        with grid.cell():
            _show_row(row)


def _show_row(row: dict[str, Any]) -> None:
    turns = row.get("messages")
    if isinstance(turns, list) and all(isinstance(turn, dict) for turn in turns):
        for turn in turns:
            role = str(turn.get("role", ""))
            with st.chat_message(role or "?", avatar=ROLE_ICONS.get(role, ":material/build:")):
                st.text(cut(str(turn.get("content", ""))))
    elif isinstance(row.get("text"), str):
        st.text(cut(row["text"]))
    else:
        st.text(short(row))


def cut(text: str) -> str:
    """The beginning of a long text."""
    # Half a surrogate pair cannot be sent to a browser.
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= MAX_CHARACTERS else clean[:MAX_CHARACTERS] + "…"
