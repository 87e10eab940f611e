"""`GET /api/runs/<id>/now`: how a run is doing now, as the head of its page shows it."""

import json
import time
from functools import lru_cache

from starlette.responses import Response

from streamlit_app import run_head, session
from streamlit_app.routes import question, run_folder
from streamlit_app.routes.question import Query

PATH = "/api/runs/{run_id}/now"
SHARED_S = 0.25


def look(params: Query, query: Query) -> Response:
    """What the head says of the run."""
    body = _tell(params["run_id"], int(time.monotonic() / SHARED_S))
    return run_folder.missing() if body is None else question.answer(body)


@lru_cache(maxsize=64)
def _tell(run_id: str, moment: int) -> bytes | None:
    """The answer of one moment; all who watch the run in it share it."""
    run = session.store().find_run(run_id)
    if run is None:
        return None
    return json.dumps(run_head.tell(run), ensure_ascii=False, separators=(",", ":")).encode()
