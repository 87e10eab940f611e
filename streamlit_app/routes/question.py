"""What the app's routes have in common: each looks into something, and answers with JSON."""

from collections.abc import Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Query = Mapping[str, str]
Look = Callable[[Query, Query], Response]
"""Answers a question: what its path names, and what stands behind the `?`."""


def answer(body: bytes) -> Response:
    """JSON that nobody keeps."""
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


def route(path: str, look: Look) -> Route:
    """The route; it looks beside the loop that serves everybody."""

    async def serve(request: Request) -> Response:
        return await run_in_threadpool(look, request.path_params, request.query_params)

    return Route(path, serve, methods=["GET"])
