"""The log of a run, which the browser reads by itself, a window at a time."""

from core.run.phase import LIVE, Phase
from core.run.store import Run
from streamlit_app import live_part
from streamlit_app.routes import log

NOTHING = "Nothing has been written yet."
NOT_BEGUN = f"{NOTHING} The log begins when the run starts."


def show(run: Run) -> None:
    """The log as it grows: it follows its end, or holds still where it is being read."""
    live_part.show(
        "run_log",
        {
            "address": log.FOLDER.format(run_id=run.run_id),
            "live": run.status.phase in LIVE,
            "empty": NOT_BEGUN if run.status.phase is Phase.QUEUED else NOTHING,
        },
        key=f"log {run.run_id}",
    )
