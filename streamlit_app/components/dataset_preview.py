"""The first rows of an arrival beside what they become."""

import json
from collections.abc import Sequence
from typing import Literal

import streamlit as st

from streamlit_app.arrival_head import Converted
from streamlit_app.code_words import marked
from streamlit_app.components import row_sample
from streamlit_app.display import rows_text

SHOWN = 3
MAX_REASONS = 3
HEIGHT = 260
MAX_LETTERS, MAX_LINES = 400, 8
"""What is longer gets a height that the page scrolls in."""

Height = int | Literal["content"]


def show(rows: Sequence[Converted], stops: bool, key: str) -> None:
    """Three rows as they came and as they will be; of all that were looked at, what is bad."""
    if not rows:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**As it comes, and what becomes of it**", width="stretch")
        if len(rows) > SHOWN:
            st.button(
                "Other rows",
                icon=":material/arrow_forward:",
                key=f"{key}-others",
                on_click=_turn,
                args=(key, len(rows)),
            )
    begin = st.session_state.get(key, 0) % len(rows)
    for row in rows[begin : begin + SHOWN]:
        _show_one(row)
    _show_bad(rows, stops)


def _turn(key: str, count: int) -> None:
    begin = st.session_state.get(key, 0) + SHOWN
    st.session_state[key] = 0 if begin >= count else begin


def _show_one(row: Converted) -> None:
    raw = raw_text(row.raw)
    is_long = len(raw) > MAX_LETTERS or raw.count("\n") > MAX_LINES
    height: Height = HEIGHT if is_long else "content"
    with st.container(border=True):
        st.caption(f"Row at line {row.line:,}")
        before, after = st.columns(2)
        with before, st.container(height=height, border=False, autoscroll=False):
            st.code(raw, language=None, wrap_lines=True)
        with after, st.container(height=height, border=False, autoscroll=False):
            if row.row is None:
                st.warning(f"Left out: {marked(row.reason)}", icon=":material/block:")
            else:
                row_sample.show_row(row.row)


def _show_bad(rows: Sequence[Converted], stops: bool) -> None:
    bad = [row for row in rows if row.row is None]
    if not bad:
        st.caption(f":material/check: All of the first {rows_text(len(rows))} can be used.")
        return
    named = [f"line {row.line:,}: {row.reason}" for row in bad[:MAX_REASONS]]
    if len(bad) > MAX_REASONS:
        named.append(f"and {len(bad) - MAX_REASONS:,} more")
    fate = "the import would stop at the first" if stops else "they would be left out"
    begin = f"Of the first {rows_text(len(rows))}, {len(bad):,} cannot be used; {fate}."
    st.warning(marked("\n".join([begin, *named])))


def raw_text(value: object) -> str:
    """A row as it came, cut to a length that can be shown."""
    if isinstance(value, str):
        return row_sample.cut(value)
    return row_sample.cut(json.dumps(value, ensure_ascii=False, indent=1, default=str))
