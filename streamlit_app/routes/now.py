"""`GET /api/runs/<id>/now`: how a run is doing now, as the head of its page shows it."""

import json
import time
from functools import lru_cache

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streamlit_app import run_head, session
from streamlit_app.routes import run_folder

PATH = "/api/runs/{run_id}/now"
SHARED_S = 0.25


def look(run_id: str) -> Response:
    """What the head says of the run."""
    body = _tell(run_id, int(time.monotonic() / SHARED_S))
    if body is None:
        return run_folder.missing()
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


@lru_cache(maxsize=64)
def _tell(run_id: str, moment: int) -> bytes | None:
    """The answer of one moment; all who watch the run in it share it."""
    run = session.store().find_run(run_id)
    if run is None:
        return None
    return json.dumps(run_head.tell(run), ensure_ascii=False, separators=(",", ":")).encode()


async def answer(request: Request) -> Response:
    """Look at the run beside the loop that serves everybody."""
    return await run_in_threadpool(look, request.path_params["run_id"])


ROUTES = [Route(PATH, answer, methods=["GET"])]
