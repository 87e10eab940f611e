"""Rows as the very tokens that are trained on."""

from pathlib import Path

import streamlit as st

from core.audit.result import Audit
from streamlit_app.audit_words import sample_text
from streamlit_app.display import plain
from streamlit_app.token_html import draw

PAGE = 5
_STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


def show(audit: Audit, key: str) -> None:
    """A few of the audit's rows at a time, with a legend."""
    samples = audit.samples
    if not samples:
        return
    st.markdown("**What is learned, token by token**")
    st.caption(
        "Underlined on green: learned. Grey: only read. In a frame: a special token. "
        "↵: a line break."
    )
    pages = -(-len(samples) // PAGE)
    page = st.pagination(pages, key=key) if pages > 1 else 1
    for sample in samples[(page - 1) * PAGE : page * PAGE]:
        st.caption(plain(sample_text(audit, sample)))
        st.html(f"<style>{_STYLE}</style>{draw(sample.tokens, sample.length)}")
