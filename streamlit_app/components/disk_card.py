"""How much room there is left for checkpoints."""

import shutil

import streamlit as st

from streamlit_app import session
from streamlit_app.display import bytes_text

LOW_BYTES = 10e9


def show() -> None:
    """The free space of the workspace's disk."""
    disk = shutil.disk_usage(session.workspace().root)
    st.progress(
        1 - disk.free / disk.total if disk.total else 0.0,
        text=f"Disk: {bytes_text(disk.free)} free of {bytes_text(disk.total)}",
    )
    if disk.free < LOW_BYTES:
        st.caption(":orange[:material/warning: Little room is left for checkpoints.]")
