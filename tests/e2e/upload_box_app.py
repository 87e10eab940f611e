"""An app with nothing but the upload box, for its test in a browser."""

from pathlib import Path

import streamlit as st

from streamlit_app import upload_route

app = st.App(Path(__file__).with_name("upload_box_page.py"), routes=upload_route.ROUTES)
