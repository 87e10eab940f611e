"""`GET /api/together?ask=<address>&ask=<address>`: several questions of a page in one request.

The answer is a list with `status` and `body` of each, in the same order.
"""

import logging

from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path

from streamlit_app.routes import card, curves, log, news, now, overview, question
from streamlit_app.routes.question import Look, Query

PATH = "/api/together"
MAX_ASKED = 8
LOOKS: dict[str, Look] = {
    now.PATH: now.look,
    card.PATH: card.look,
    curves.PATH: curves.look,
    log.PATH: log.look,
    news.PATH: news.look,
    overview.PATH: overview.look,
}
_FOUND_BY = [(compile_path(path)[0], look) for path, look in LOOKS.items()]

logger = logging.getLogger(__name__)


def look(params: Query, query: Query) -> Response:
    """The answers of the other routes."""
    asked = QueryParams(query).getlist("ask")
    if len(asked) > MAX_ASKED:
        return JSONResponse({"reason": f"No more than {MAX_ASKED} questions go together."}, 400)
    answers = (answer_one(address) for address in asked)
    told = (b'{"status":%d,"body":%s}' % (one.status_code, bytes(one.body)) for one in answers)
    return question.answer(b"[" + b",".join(told) + b"]")


def answer_one(address: str) -> Response:
    """The answer to one question; what goes wrong with it is no matter of the others."""
    path, _, asked = address.partition("?")
    for pattern, look_into in _FOUND_BY:
        if match := pattern.match(path):
            try:
                return look_into(match.groupdict(), QueryParams(asked))
            except Exception:
                logger.exception("%s could not be answered", path)
                return JSONResponse({}, 500)
    return JSONResponse({"reason": f"There is nothing at {path}."}, 404)


ROUTES = [question.route(PATH, look), *(question.route(*one) for one in LOOKS.items())]
