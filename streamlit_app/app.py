"""The frame around every page: navigation, and what must be seen wherever one is."""

from pathlib import Path

import streamlit as st

from streamlit_app import guard, session
from streamlit_app.components import daemon_banner

# A file of our own: icons by name are fetched from the web for the browser's tab.
ICON = Path(__file__).with_name("icon.svg")
WORDMARK = Path(__file__).with_name("wordmark.svg")

st.set_page_config(page_title="LLM Trainer", page_icon=ICON, layout="wide")
st.logo(WORDMARK, icon_image=ICON)

page = st.navigation(
    [
        st.Page(
            "views/dashboard.py",
            title="Dashboard",
            icon=":material/dashboard:",
            default=True,
            help="What trains now, what waits, and how the GPUs are doing.",
        ),
        st.Page(
            "views/new_run.py",
            title="New run",
            icon=":material/add_circle:",
            help="Choose a base model and a dataset, and put a run into the queue.",
        ),
        st.Page(
            "views/runs.py",
            title="Runs",
            icon=":material/list_alt:",
            help="Every run so far. Click one to open it, tick some to compare them.",
        ),
        st.Page(
            "views/compare.py",
            title="Compare",
            icon=":material/compare_arrows:",
            help="The curves, results and parameters of several runs side by side.",
        ),
        st.Page(
            "views/gpus.py",
            title="GPUs" if session.has_gpus() else "Machine",
            icon=":material/memory:",
            help="How the GPUs and this machine are doing, now and over the last week.",
        ),
        st.Page(
            "views/datasets.py",
            title="Datasets",
            icon=":material/dataset:",
            help="Upload and check the data that runs train on.",
        ),
        st.Page(
            "views/sandbox.py",
            title="Sandbox",
            icon=":material/chat:",
            help="Chat with what a run has made, or with its base model.",
        ),
        # Reached from a link: which run is in the query, `?run=<run id>`.
        st.Page("views/run.py", title="Run", icon=":material/monitoring:", visibility="hidden"),
    ]
)

with guard.shown():
    daemon_banner.show()
with guard.shown():
    page.run()
