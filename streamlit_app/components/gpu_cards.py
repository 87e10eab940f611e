"""How the GPUs are doing, at a glance; without any, how the processor is doing."""

import streamlit as st

from core import gpu
from core.gpu import GpuSnapshot
from streamlit_app import session
from streamlit_app.components import machine_card
from streamlit_app.display import plain
from streamlit_app.gpu_words import memory_text, readings, share


def show() -> None:
    """A card per GPU, or that there is none, and the processor and the memory instead."""
    snapshots = gpu.latest(session.workspace().gpu)
    for snapshot in snapshots:
        _show_one(snapshot)
    if not snapshots:
        st.caption(none_text())
    if not snapshots and session.daemon() is not None:
        machine_card.show(disk=False)


def _show_one(snapshot: GpuSnapshot) -> None:
    with st.container(border=True, gap="small"):
        st.markdown(f"**GPU {snapshot.index}** · {plain(snapshot.name)}")
        used, total = snapshot.memory_used_mib, snapshot.memory_total_mib
        st.progress(share(used, total), text=memory_text(used, total))
        st.caption(" · ".join(readings(snapshot)))


def none_text() -> str:
    """Why there is no reading of a GPU."""
    heartbeat = session.daemon()
    if heartbeat is None:
        return "The readings come from the daemon, which is not running."
    if heartbeat.gpus:
        return "No reading of the GPUs in the last seconds."
    return "No NVIDIA GPU found: training on the CPU."
