"""What the card of a run that is under way says, in words; the browser asks for it each second."""

import math
from collections.abc import Sequence
from typing import Any

from core.run.phase import Phase
from core.run.status import RunStatus
from core.run.store import Run
from streamlit_app import session
from streamlit_app.display import (
    UNKNOWN,
    duration_text,
    gpus_text,
    loss_text,
    model_text,
    sentence,
)
from streamlit_app.spec_summary import Summary
from streamlit_app.status_words import progress_text, with_attempt

POINTS = 60
"""Of the tiny curve."""


def tell(run: Run) -> dict[str, Any]:
    """What changes with every step: the bar, the numbers, and the last losses as a tiny curve."""
    status, curves = run.status, session.curves(run)
    losses = curves.newest("loss", POINTS).tolist()
    return {
        "bar": {
            "fraction": round(status.progress.fraction, 4),
            "text": progress_text(status),
        },
        "tiles": [
            ("Loss", loss_text(curves.last("loss")), ""),
            ("Validation loss", loss_text(curves.last("eval_loss")), ""),
            ("Time left", duration_text(status.progress.eta_s), ""),
        ],
        "losses": [float(f"{loss:.5g}") for loss in losses if math.isfinite(loss)],
        "alt": alt_text(losses),
    }


def alt_text(losses: Sequence[float]) -> str:
    """The tiny curve in words."""
    if not losses:
        return "No loss has been logged yet"
    ends = f"from {loss_text(losses[0])} to {loss_text(losses[-1])}"
    return f"Loss at the last {len(losses)} log events, {ends}"


def about(status: RunStatus, summary: Summary) -> str:
    """What it is, as long as nothing needs to be said about how it ends."""
    if status.phase in (Phase.PAUSING, Phase.CANCELLING):
        return sentence(status.reason)
    model, method = model_text(summary.base_model) or UNKNOWN, summary.method or UNKNOWN
    return with_attempt(f"{model} · {method} · on {gpus_text(status.gpus)}", status)
