"""`GET /api/runs/<id>/now`: how a run is doing now, as the head of its page shows it."""

from streamlit_app import run_head
from streamlit_app.routes.shared import about_run

PATH = "/api/runs/{run_id}/now"
look = about_run(run_head.tell)
