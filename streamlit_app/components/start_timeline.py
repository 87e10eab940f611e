"""How an attempt comes to its first step: how long, how warm, and a bar for each stage."""

from pathlib import Path

import streamlit as st

from streamlit_app.display import Color, plain
from streamlit_app.start import Start, Warmth
from streamlit_app.start_chart import draw
from streamlit_app.start_words import headline_text, warmth_text, why_text

BADGES: dict[Warmth, tuple[str, Color]] = {
    Warmth.WARM: (":material/bolt:", "green"),
    Warmth.HALF_WARM: (":material/bolt:", "blue"),
    Warmth.COLD: (":material/ac_unit:", "gray"),
}

_STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


def show(start: Start) -> None:
    """The start as far as it has come."""
    with st.container(gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if start.warmth:
                icon, color = BADGES[start.warmth]
                st.badge(warmth_text(start.warmth), icon=icon, color=color)
            st.markdown(f"**{plain(headline_text(start))}**", width="stretch")
        if why := why_text(start):
            st.caption(plain(why))
        st.html(f"<style>{_STYLE}</style>{draw(start)}")
