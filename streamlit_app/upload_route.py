"""Uploads of any size: the browser sends a file in slices, which go to the disk as they come.

| request                             | does                                                      |
|-------------------------------------|-----------------------------------------------------------|
| `POST /api/uploads` {name, bytes}   | makes an arrival for the file                             |
| `PUT /api/uploads/<id>?offset=N`    | appends a slice; the last one makes the arrival ready     |
| `GET /api/uploads/<id>`             | tells how much has come, to go on from there              |
| `DELETE /api/uploads/<id>`          | gives the upload up                                       |

Every reply is `{id, offset, total, done}`, or `{reason}` with a sentence for people.
"""

import hmac
import json
import secrets
import urllib.parse
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from core.dataset.arrival.arrival import Arrival, State, find_arrival
from core.dataset.arrival.arriving import check_room, create_upload, discard
from core.errors import DatasetError, TrainerUIError
from core.paths import Workspace, find_workspace
from core.settings import load_settings
from streamlit_app.intake import WRITE_BYTES, Intake, Intakes, Refusal

PATH = "/api/uploads"
TICKET_HEADER = "X-Upload-Ticket"
TICKET = secrets.token_urlsafe(32)
"""Given to pages of this app alone. A form of another site can neither know nor send it."""

MAX_BEGIN_BYTES = 4096


_INTAKES = Intakes()


async def begin(request: Request) -> JSONResponse:
    """Make an arrival for the file that the page is about to send."""
    name, total_bytes = read_begin(await _small_body(request))
    workspace = find_workspace()
    arrival = await run_in_threadpool(
        lambda: create_upload(workspace, load_settings(workspace.settings), name, total_bytes)
    )
    return _reply(arrival)


async def look(request: Request) -> JSONResponse:
    """Tell how much of the file has come."""
    return _reply(await run_in_threadpool(_find, find_workspace(), request))


async def receive(request: Request) -> JSONResponse:
    """Append a slice of the file, in constant memory however long it is."""
    workspace = find_workspace()
    arrival = await run_in_threadpool(_find, workspace, request)
    if arrival.state is not State.RECEIVING:
        return _reply(arrival)
    intake, offset = _INTAKES.get(arrival), read_offset(request.query_params)
    settings = load_settings(workspace.settings)
    check_room(workspace, settings, arrival.total_bytes - offset)
    turn = await run_in_threadpool(intake.begin, offset)
    try:
        await _stream(request, intake, turn)
    except OSError as error:
        reason = f"The file cannot be stored: {error.strerror or error}. Make room, and retry."
        raise Refusal(507, reason) from error
    if await run_in_threadpool(intake.finish, turn):
        _INTAKES.forget(arrival)
    return _reply(await run_in_threadpool(_find, workspace, request))


async def drop(request: Request) -> JSONResponse:
    """Give the upload up. One that has arrived is no upload any more, and stays."""
    workspace = find_workspace()
    arrival = await run_in_threadpool(_find, workspace, request)
    if arrival.state is State.RECEIVING:
        await run_in_threadpool(discard, workspace, arrival.id)
        _INTAKES.forget(arrival)
    return _reply(arrival)


async def _stream(request: Request, intake: Intake, turn: object) -> None:
    waiting = bytearray()
    try:
        async for chunk in request.stream():
            waiting += chunk
            if len(waiting) >= WRITE_BYTES:
                await run_in_threadpool(intake.append, turn, bytes(waiting))
                waiting.clear()
    finally:
        # Also of a connection that broke off: it need not be sent again.
        if waiting:
            await run_in_threadpool(intake.append, turn, bytes(waiting))


async def _small_body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BEGIN_BYTES:
            raise Refusal(413, "The name of the file is too long.")
    return body


def read_begin(body: bytes) -> tuple[str, int]:
    """The file's name and size. Raises Refusal when the page did not send them."""
    try:
        record = json.loads(body)
        name, total_bytes = record["name"], record["bytes"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise Refusal(400, "The upload was not begun with a name and a size.") from error
    if not isinstance(name, str) or type(total_bytes) is not int:
        raise Refusal(400, "The upload was not begun with a name and a size.")
    return name, total_bytes


def read_offset(query: Mapping[str, str]) -> int:
    """Where the slice belongs. Raises Refusal for anything but a whole number."""
    text = query.get("offset", "")
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Refusal(400, "The slice does not say where it belongs.")
    return int(text)


def problem_with(headers: Mapping[str, str]) -> str:
    """Why a request with these headers is not taken for one of our own pages; empty if it is."""
    if not _is_same_origin(headers):
        return "Uploads are taken from this app's own pages alone."
    ticket = headers.get(TICKET_HEADER.lower(), "")
    if not hmac.compare_digest(ticket.encode(), TICKET.encode()):
        return "The app was restarted. Retry; if that does not help, reload the page."
    return ""


def _is_same_origin(headers: Mapping[str, str]) -> bool:
    # Browsers tell the first over TLS and on this machine, the second always; nothing else need.
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return origin is None or urllib.parse.urlsplit(origin).netloc == headers.get("host")


def _find(workspace: Workspace, request: Request) -> Arrival:
    arrival = find_arrival(workspace, request.path_params["arrival_id"])
    if arrival is None:
        raise Refusal(404, "The upload is gone. Choose the file once more.")
    return arrival


def _reply(arrival: Arrival) -> JSONResponse:
    done = arrival.state is not State.RECEIVING
    offset = arrival.total_bytes if done else arrival.received_bytes
    return JSONResponse(
        {"id": arrival.id, "offset": offset, "total": arrival.total_bytes, "done": done}
    )


HANDLERS = {"POST": begin, "GET": look, "HEAD": look, "PUT": receive, "DELETE": drop}


async def answer(request: Request) -> JSONResponse:
    """Do what is asked, or say why not."""
    try:
        if problem := problem_with(request.headers):
            raise Refusal(403, problem)
        return await HANDLERS[request.method](request)
    except Refusal as refusal:
        return JSONResponse({"reason": str(refusal), **refusal.facts}, refusal.status)
    except ClientDisconnect:
        return JSONResponse({"reason": "The connection was lost."}, 400)
    except DatasetError as error:
        return JSONResponse({"reason": str(error)}, 400)
    except TrainerUIError as error:
        return JSONResponse({"reason": str(error)}, 500)


ROUTES = [
    Route(PATH, answer, methods=["POST"]),
    Route(PATH + "/{arrival_id}", answer, methods=["GET", "PUT", "DELETE"]),
]
