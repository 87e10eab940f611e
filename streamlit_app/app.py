"""The frame around every page: navigation, and what must be seen wherever one is."""

from pathlib import Path

import streamlit as st

from streamlit_app import guard, news, session
from streamlit_app.components import daemon_banner, run_toasts, watch
from streamlit_app.routes.news import PATH as NEWS

# A file of our own: icons by name are fetched from the web for the browser's tab.
ICON = Path(__file__).with_name("icon.svg")
WORDMARK = Path(__file__).with_name("wordmark.svg")
NEWS_EVERY_S = 2
STYLE = Path(__file__).parent / "assets" / "frame.css"

st.set_page_config(page_title="LLM Trainer", page_icon=ICON, layout="wide")
st.logo(WORDMARK, icon_image=ICON)
st.html(STYLE)

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
        st.Page(
            "views/settings.py",
            title="Settings",
            icon=":material/settings:",
            help="Who is told of what, what electricity costs, and how this machine is set up.",
        ),
        # Reached from a link: which run is in the query, `?run=<run id>`.
        st.Page("views/run.py", title="Run", icon=":material/monitoring:", visibility="hidden"),
    ]
)


@st.fragment
@guard.shown()
def show_news() -> None:
    """What must be seen wherever one is; drawn anew whenever the browser hears that it changed."""
    revision = news.revision()
    daemon_banner.show()
    run_toasts.show()
    watch.show("news", NEWS, revision, NEWS_EVERY_S)


with guard.shown():
    show_news()
with guard.shown():
    page.run()
