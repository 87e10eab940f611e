"""`GET /api/overview`: a word that changes whenever the dashboard has to be drawn anew."""

import orjson
from starlette.responses import Response

from streamlit_app import overview
from streamlit_app.routes import question
from streamlit_app.routes.question import Query

PATH = "/api/overview"


def look(params: Query, query: Query) -> Response:
    """The word."""
    return question.answer(orjson.dumps(overview.look().revision))
