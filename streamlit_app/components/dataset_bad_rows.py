"""Rows that were left out, each with line, reason and how it begins; a page at a time."""

from collections.abc import Sequence

import streamlit as st

from core.dataset.format import BadRow
from streamlit_app.dataset_words import bad_text
from streamlit_app.display import count_text

PAGE = 50


def show(rows: Sequence[BadRow], total: int, key: str) -> None:
    """The rows that were kept of all that are bad."""
    if len(rows) < total:
        st.caption(f"The first {count_text(len(rows))} of {bad_text(total)}.")
    pages = -(-len(rows) // PAGE)
    page = st.pagination(pages, key=f"{key}-page") if pages > 1 else 1
    shown = rows[(page - 1) * PAGE : page * PAGE]
    st.dataframe(
        {
            "Line": [row.line for row in shown],
            "Reason": [row.reason for row in shown],
            "Content": [row.content for row in shown],
        },
        hide_index=True,
        column_config={"Line": st.column_config.NumberColumn(width=70, format="localized")},
        alt="Rows that were left out, with line and reason",
    )
