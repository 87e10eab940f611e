"""The sandbox's routes: JSON over HTTP on 127.0.0.1, behind a token."""

import json
import secrets
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import SandboxError
from core.paths import Workspace
from core.sandbox.question import parse_question
from trainer.sandbox.answers import Answer, Answers
from trainer.sandbox.source import resolve_model

MAX_BODY_BYTES = 2 * 1024 * 1024


def create_app(workspace: Workspace, answers: Answers, token: str) -> ASGIApp:
    """The routes, closed to whoever does not know the token."""

    async def ask(request: Request) -> JSONResponse:
        question = parse_question(await read_record(request))
        answer = answers.add(question, resolve_model(workspace, question.model))
        return JSONResponse({"id": answer.id}, status_code=202)

    async def show(request: Request) -> JSONResponse:
        return JSONResponse(find(request).record())

    async def stop(request: Request) -> JSONResponse:
        answer = find(request)
        answers.stop(answer)
        return JSONResponse(answer.record())

    def find(request: Request) -> Answer:
        answer = answers.find(request.path_params["answer_id"])
        if answer is None:
            raise HTTPException(404, "this answer is unknown or forgotten; ask again")
        return answer

    routes = [
        Route("/answers", ask, methods=["POST"]),
        Route("/answers/{answer_id}", show, methods=["GET"]),
        Route("/answers/{answer_id}", stop, methods=["DELETE"]),
    ]
    handlers: dict[Any, Any] = {SandboxError: refuse, OSError: refuse, HTTPException: tell}
    return TokenGate(Starlette(routes=routes, exception_handlers=handlers), token)


async def read_record(request: Request) -> dict[str, Any]:
    """The JSON object that was sent; SandboxError when it is none, or too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise SandboxError(f"the question has more than {MAX_BODY_BYTES:,} bytes; shorten it")
    try:
        record = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SandboxError("the question is not readable as JSON") from error
    if not isinstance(record, dict):
        raise SandboxError("the question must be a JSON object")
    return record


async def refuse(request: Request, error: SandboxError | OSError) -> JSONResponse:
    """What was wrong with the question, for people."""
    return JSONResponse({"reason": str(error)}, status_code=400)


async def tell(request: Request, error: HTTPException) -> JSONResponse:
    """Why there is nothing at this address, for people."""
    return JSONResponse({"reason": error.detail}, status_code=error.status_code)


class TokenGate:
    """Lets a request pass only when it bears the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        given = dict(scope["headers"]).get(b"authorization", b"")
        if secrets.compare_digest(given, self._expected):
            await self._app(scope, receive, send)
        else:
            reason = "the token is wrong; read it again from server.json"
            await JSONResponse({"reason": reason}, status_code=401)(scope, receive, send)
