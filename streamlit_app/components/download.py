"""A file to take along: as a download, or by its path when it is too large for one."""

from pathlib import Path

import streamlit as st

from core.files import file_size
from streamlit_app import session
from streamlit_app.display import bytes_text, plain

MAX_BYTES = 200 * 1024 * 1024
"""A download is held in memory whole, once per person."""


def show(label: str, path: Path, file_name: str) -> None:
    """The button, or where the file lies."""
    size = file_size(path)
    if size > MAX_BYTES:
        shown = path.relative_to(session.workspace().root)
        st.caption(f"{label} ({bytes_text(size)}): {plain(str(shown))}")
        return
    st.download_button(
        label,
        path.read_bytes,
        file_name,
        icon=":material/download:",
        on_click="ignore",
        key=f"download {label}",
    )
