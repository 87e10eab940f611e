"""`GET /api/news`: a word that changes whenever there is something new to say on every page."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streamlit_app import news

PATH = "/api/news"


async def answer(request: Request) -> Response:
    """Look beside the loop that serves everybody."""
    word = await run_in_threadpool(news.revision)
    return Response(word, media_type="text/plain", headers={"Cache-Control": "no-store"})


ROUTES = [Route(PATH, answer, methods=["GET"])]
