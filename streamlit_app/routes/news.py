"""`GET /api/news`: a word that changes whenever there is something new to say on every page."""

import orjson
from starlette.responses import Response

from streamlit_app import news
from streamlit_app.routes import question
from streamlit_app.routes.question import Query

PATH = "/api/news"


def look(params: Query, query: Query) -> Response:
    """The word."""
    return question.answer(orjson.dumps(news.revision()))
