"""How the GPUs are doing."""

from collections.abc import Sequence

import streamlit as st

from core import gpu
from core.gpu import GpuSnapshot
from streamlit_app import session
from streamlit_app.display import gib_text, plain

THROTTLE_WORDS = {
    "thermal": "slowed down by heat",
    "power": "at its power limit",
    "hardware": "slowed down by the hardware",
    "sync": "waiting for another GPU's clock",
}


def show() -> None:
    """A card per GPU, or that there is none."""
    snapshots = gpu.latest(session.workspace().gpu)
    for snapshot in snapshots:
        _show_one(snapshot)
    if not snapshots:
        st.caption(_none_text())


def _show_one(snapshot: GpuSnapshot) -> None:
    with st.container(border=True, gap="small"):
        st.markdown(f"**GPU {snapshot.index}** · {plain(snapshot.name)}")
        used, total = snapshot.memory_used_mib, snapshot.memory_total_mib
        fraction = min(1.0, used / total) if used is not None and total else 0.0
        st.progress(fraction, text=f"{gib_text(used)} of {gib_text(total)} memory")
        st.caption(" · ".join(readings(snapshot)))


def readings(snapshot: GpuSnapshot) -> Sequence[str]:
    """What the card tells of itself, in words; what it does not tell is left out."""
    texts = [
        (snapshot.utilization_pct, "% busy"),
        (snapshot.temperature_c, "°C"),
        (snapshot.fan_pct, "% fan"),
        (snapshot.power_w, "W"),
    ]
    told = [f"{value:.0f} {unit}" for value, unit in texts if value is not None]
    slowed = [THROTTLE_WORDS[word] for word in snapshot.throttle.split("+") if word]
    return told + slowed


def _none_text() -> str:
    heartbeat = session.daemon()
    if heartbeat is None:
        return "The readings come from the daemon, which is not running."
    if heartbeat.gpus:
        return "No reading of the GPUs in the last seconds."
    return "No NVIDIA GPU found: training on the CPU."
