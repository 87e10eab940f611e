"""The app as one server: `python -m streamlit run streamlit_app/asgi.py` from the code root."""

import gc
from pathlib import Path

# Imported here so that the first page does not wait for them.
import pandas  # noqa: F401
import plotly.graph_objects  # noqa: F401
import streamlit as st

from streamlit_app import assets, guard, upload_route
from streamlit_app.components import live_plot
from streamlit_app.routes import log, together

app = st.App(
    Path(__file__).resolve().with_name("app.py"),
    routes=[
        live_plot.ROUTE,
        *upload_route.ROUTES,
        *log.ROUTES,
        *together.ROUTES,
        assets.ROUTE,
    ],
    on_script_error=guard.show_error,
)

# What is imported stays; the garbage collector need not look at it again.
gc.freeze()
