"""What to do when nothing has been done yet."""

import streamlit as st

from streamlit_app import session


def show() -> None:
    """The two ways to a first run."""
    with st.container(border=True, key="first-steps"):
        st.subheader("Nothing has been trained here yet", anchor=False)
        st.markdown(
            "A run takes a **base model** and a **dataset** and makes a model of your own. "
            "Two ways to start one:"
        )
        st.markdown(
            "1. Choose model and dataset on the page **New run**. It checks them first.\n"
            "2. Drop an Axolotl YAML into `runs/queue`. The daemon takes it within seconds."
        )
        with st.container(horizontal=True):
            st.page_link(session.NEW_RUN_PAGE, label="New run", icon=":material/add_circle:")
            st.page_link(session.DATASETS_PAGE, label="Add a dataset", icon=":material/dataset:")
