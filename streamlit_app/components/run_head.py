"""How a run is doing: phase, progress and numbers. The browser keeps them up to date by itself."""

from core.run.store import Run
from streamlit_app import live_part, run_head
from streamlit_app.routes import now


def show(run: Run) -> None:
    """The head of the page; where more than the head has changed, the page is drawn anew."""
    live_part.show(
        "run_head",
        {"address": now.PATH.format(run_id=run.run_id), "now": run_head.tell(run)},
        key=f"head {run.run_id}",
        on_moved=True,
    )
