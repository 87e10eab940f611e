"""Answers about one run that all who ask in the same moment share."""

import json
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from starlette.responses import Response

from core.run.store import Run, Store
from streamlit_app import session
from streamlit_app.routes import question, run_folder
from streamlit_app.routes.question import Look, Query

SHARED_S = 0.25


def about_run(tell: Callable[[Run], dict[str, Any]]) -> Look:
    """A look at the run that the path names."""

    @lru_cache(maxsize=64)
    def told(store: Store, run_id: str, moment: int) -> bytes | None:
        run = store.find_run(run_id)
        if run is None:
            return None
        return json.dumps(tell(run), ensure_ascii=False, separators=(",", ":")).encode()

    def look(params: Query, query: Query) -> Response:
        moment = int(time.monotonic() / SHARED_S)
        body = told(session.store(), params["run_id"], moment)
        return run_folder.missing() if body is None else question.answer(body)

    return look
