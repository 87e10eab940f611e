"""One dataset from close by, a tab for each way to look at it; only the open one is read."""

import streamlit as st

from core.dataset.card import Dataset
from streamlit_app import dataset_state, draft_state, session
from streamlit_app.code_words import marked
from streamlit_app.components import (
    dataset_learned,
    dataset_manage,
    dataset_overview,
    dataset_rows,
)
from streamlit_app.display import plain

TABS = {
    "overview": (":material/insights: Overview", dataset_overview.show),
    "rows": (":material/table_rows: Rows", dataset_rows.show),
    "learned": (":material/school: What is learned", dataset_learned.show),
    "manage": (":material/folder_managed: Manage", dataset_manage.show),
}
"""By the name that stands in an address, `?tab=<name>`."""

KEY = "dataset_tabs"


def show(dataset: Dataset) -> None:
    """The dataset's name, the way to a run, and the tabs."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(dataset.name), anchor=False, width="stretch")
        if dataset.is_trainable and st.button(
            "Train on it", type="primary", icon=":material/add_circle:"
        ):
            draft_state.put("dataset", dataset.name)
            draft_state.turn_to_form()
            st.switch_page(session.NEW_RUN_PAGE)
    if dataset.problem:
        st.warning(marked(dataset.problem))
    _follow_address()
    labels = [label for label, _ in TABS.values()]
    tabs = st.tabs(labels, key=KEY, on_change="rerun")
    for tab, (_, show_one) in zip(tabs, TABS.values(), strict=True):
        if tab.open:
            with tab:
                show_one(dataset)


def _follow_address() -> None:
    """Open the tab that a link names, once."""
    name = st.query_params.get(dataset_state.TAB)
    if name is not None:
        del st.query_params[dataset_state.TAB]
        if name in TABS:
            st.session_state[KEY] = TABS[name][0]
