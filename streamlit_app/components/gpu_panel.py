"""A GPU now: its readings with their limits, and what computes on it."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.clock import now
from core.gpu import NO_LIMITS, GpuSnapshot
from core.heartbeat import Heartbeat, SeenGpu
from core.run.phase import LIVE
from core.run.store import Run
from streamlit_app.components import run_link
from streamlit_app.display import gib_text, plain, sentence
from streamlit_app.gpu_words import (
    Tenant,
    age_text,
    memory_text,
    numbers,
    share,
    slowed,
    slowed_advice,
    tenants,
)

NOTHING = "Nothing computes on it."
UNTOLD = "What computes on it is told by the daemon alone, which is not running."


def show(snapshot: GpuSnapshot, heartbeat: Heartbeat | None, runs: Sequence[Run]) -> None:
    """One card; without the heartbeat of a living daemon its tenants are not known."""
    seen = _find(heartbeat, snapshot.index)
    with st.container(border=True, gap="small"):
        st.markdown(f"**GPU {snapshot.index}** · {plain(snapshot.name)}")
        _show_age(snapshot)
        used, total = snapshot.memory_used_mib, snapshot.memory_total_mib
        st.progress(share(used, total), text=memory_text(used, total))
        busy = snapshot.utilization_pct
        if busy is not None:
            st.progress(share(busy, 100), text=f"{busy} % busy")
        _show_numbers(snapshot, seen)
        _show_slowed(snapshot.throttle)
        st.markdown("**On it now**")
        if heartbeat is None:
            st.caption(UNTOLD)
        else:
            _show_tenants(seen, snapshot.index, runs)


def _find(heartbeat: Heartbeat | None, index: int) -> SeenGpu | None:
    gpus = heartbeat.gpus if heartbeat else ()
    return next((gpu for gpu in gpus if gpu.index == index), None)


def _show_age(snapshot: GpuSnapshot) -> None:
    age = age_text((now() - snapshot.at).total_seconds())
    if age:
        st.caption(f":orange[:material/schedule: {age}]")


def _show_numbers(snapshot: GpuSnapshot, seen: SeenGpu | None) -> None:
    told = numbers(snapshot, seen.limits if seen else NO_LIMITS)
    if not told:
        return
    with st.grid(4, min_column_width=88, gap="small"):
        for label, value, limit in told:
            with st.container(gap=None):
                st.caption(label)
                st.markdown(f"**{value}**")
                if limit:
                    st.caption(limit)


def _show_slowed(throttle: str) -> None:
    words = slowed(throttle)
    if words:
        st.caption(
            f":orange[:material/speed: {sentence(', '.join(words))}.] {slowed_advice(throttle)}"
        )


def _show_tenants(seen: SeenGpu | None, index: int, runs: Sequence[Run]) -> None:
    live = {run.run_id: run for run in runs if run.status.phase in LIVE}
    here = [run.run_id for run in live.values() if index in run.status.gpus]
    found = tenants(seen.processes if seen else (), here)
    for tenant in found:
        _show_tenant(tenant, live)
    if not found:
        st.caption(NOTHING)


def _show_tenant(tenant: Tenant, runs: Mapping[str, Run]) -> None:
    run = runs.get(tenant.run_id)
    memory = gib_text(tenant.memory_mib) if tenant.memory_mib is not None else "memory not told"
    if run is None:
        # Of a run that has just ended the record may be ahead of the driver.
        name = tenant.name or "A run that has ended"
        st.caption(f":material/apps: {plain(name)} · {memory}")
        return
    run_link.show(run)
    st.caption(f"Training · {memory}")
