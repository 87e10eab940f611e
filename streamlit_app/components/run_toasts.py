"""A word on every page when a run ends or needs help while one is there."""

import streamlit as st

from core.notice.news import CANCELLED, COMPLETED, FAILED, NEEDS_HELP, News
from streamlit_app import session
from streamlit_app.display import plain, shorten

NUMBER = "toasts_seen"
"""Where it is kept up to which news this session has been told."""

MOST = 3
"""More at a time would cover the page."""

ICONS = {
    COMPLETED: ":material/check_circle:",
    FAILED: ":material/error:",
    CANCELLED: ":material/block:",
    NEEDS_HELP: ":material/front_hand:",
}
LASTS_S = {COMPLETED: 15, CANCELLED: 10, FAILED: 60, NEEDS_HELP: 600}
"""The longer, the more there is to do about it."""


def show() -> None:
    """Each news once in a session; nothing of what was before it began."""
    news, number = session.run_news().since(st.session_state.get(NUMBER))
    st.session_state[NUMBER] = number
    for one in news[-MOST:]:
        kind = one.kinds[0]
        st.toast(text(one), icon=ICONS[kind], duration=LASTS_S[kind])
    if len(news) > MOST:
        st.toast(f"{len(news) - MOST} more ended: see the page Runs.", icon=":material/list_alt:")


def text(news: News) -> str:
    """What became of which run, with the way to it, and why. More lines would be folded away."""
    reason = shorten(news.body.splitlines()[0], 90)
    return f"**[{plain(news.title)}](run?run={news.run_id})**  \n{plain(reason)}"
