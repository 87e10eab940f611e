"""Rows of a dataset as a person reads them: as text, whatever stands in them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import streamlit as st

from core.dataset.format import show as short
from streamlit_app.display import ROLE_ICONS

MAX_CHARACTERS = 2000
MAX_TURNS = 40
WIDTH = 360
ANSWERS = {
    "chosen": ("Better answer", ":material/thumb_up:"),
    "rejected": ("Worse answer", ":material/thumb_down:"),
}
LABELS = {
    True: ("Good answer", ":material/thumb_up:", "green"),
    False: ("Bad answer", ":material/thumb_down:", "orange"),
}


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Each row in a box of its own."""
    grid = st.grid("auto", min_column_width=WIDTH, border=True)
    for row in rows:
        with grid.cell():
            show_row(row)


def show_row(row: Mapping[str, Any]) -> None:
    """One row: a chat, a pair of answers, a labelled answer, a text, or whatever it is."""
    if _are_turns(row.get("chosen")) and _are_turns(row.get("rejected")):
        _show_pair(row)
    elif _are_turns(row.get("completion")) and isinstance(row.get("label"), bool):
        label, icon, color = LABELS[row["label"]]
        st.badge(label, icon=icon, color=color)  # type: ignore[arg-type]
        _show_turns(row["completion"])
    elif _are_turns(row.get("messages")):
        _show_turns(row["messages"])
    elif isinstance(row.get("text"), str):
        st.text(cut(row["text"]))
    else:
        st.text(short(row))


def _are_turns(value: object) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(value, list) and all(isinstance(turn, dict) for turn in value)


def _show_turns(turns: Sequence[Mapping[str, Any]]) -> None:
    for turn in turns[:MAX_TURNS]:
        role = str(turn.get("role", ""))
        with st.chat_message(role or "?", avatar=ROLE_ICONS.get(role, ":material/build:")):
            st.text(cut(str(turn.get("content", ""))))
    if len(turns) > MAX_TURNS:
        st.caption(f"and {len(turns) - MAX_TURNS:,} more turns")


def _show_pair(row: Mapping[str, Any]) -> None:
    """What was asked, and below it the two answers side by side."""
    before = row.get("messages")
    _show_turns(before if _are_turns(before) else row["chosen"][:-1])
    for column, (name, (label, icon)) in zip(st.columns(2), ANSWERS.items(), strict=True):
        with column, st.container(border=True):
            st.caption(f"{icon} {label}")
            last = row[name][-1] if row[name] else {}
            st.text(cut(str(last.get("content", ""))))


def cut(text: str) -> str:
    """The beginning of a long text."""
    # Half a surrogate pair cannot be sent to a browser.
    clean = text[: MAX_CHARACTERS + 1].encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= MAX_CHARACTERS else clean[:MAX_CHARACTERS] + "…"
