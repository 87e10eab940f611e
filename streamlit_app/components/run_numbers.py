"""The numbers of a run at a glance."""

import streamlit as st

from core import gpu
from core.clock import now
from core.run.phase import FINISHED, LIVE
from core.run.status import RunStatus, elapsed_s
from core.run.store import Run
from streamlit_app import session
from streamlit_app.display import (
    count_text,
    duration_text,
    gib_text,
    loss_text,
    sentence,
    steps_text,
)
from streamlit_app.gpu_words import readings
from streamlit_app.status_words import checkpoint_step


def show(run: Run) -> None:
    """Losses, speed, and times; under them the GPUs the run is on."""
    curves, status = session.curves(run), run.status
    is_finished = status.phase in FINISHED
    elapsed = duration_text(elapsed_s(status, status.ended_at or now()))
    with st.grid(4, min_column_width=140, gap="small"):
        st.metric("Loss", loss_text(curves.last("loss")))
        st.metric("Validation loss", loss_text(curves.last("eval_loss")))
        st.metric("Training time" if is_finished else "Elapsed", elapsed)
        if not is_finished:
            st.metric("Time left", duration_text(status.progress.eta_s))
    if status.progress.step or curves.has_rows:
        st.caption(sentence(" · ".join(_counts(status, curves.last("tokens_per_second")))))
    if curves.lost_loss and not status.failure:
        st.warning(
            "The loss is no number any more (NaN or infinite). A lower learning rate often helps.",
            icon=":material/trending_up:",
        )
    if status.phase in LIVE:
        _show_gpus(status.gpus)


def _counts(status: RunStatus, tokens_per_second: float | None) -> list[str]:
    progress = status.progress
    # The bar of a live run tells its steps already.
    counts = [steps_text(progress)] if status.phase in FINISHED else []
    counts.append(f"epoch {progress.epoch:.2f}")
    if progress.tokens:
        counts.append(f"{count_text(progress.tokens)} tokens")
    if tokens_per_second is not None:
        counts.append(f"{count_text(tokens_per_second)} tokens per second")
    if status.phase not in FINISHED and (saved := checkpoint_step(status)) is not None:
        counts.append(f"newest checkpoint at step {saved:,}")
    return counts


def _show_gpus(indexes: tuple[int, ...]) -> None:
    for snapshot in gpu.latest(session.workspace().gpu):
        if snapshot.index in indexes:
            memory = (
                f"{gib_text(snapshot.memory_used_mib)} of {gib_text(snapshot.memory_total_mib)}"
            )
            st.caption(" · ".join([f"GPU {snapshot.index}", memory, *readings(snapshot)]))
