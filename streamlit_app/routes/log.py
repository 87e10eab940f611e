"""The log of a run, as the page asks for it: some lines at a time, and what is new.

| `GET /api/runs/<id>/log/…`   | answers with                                               |
|------------------------------|------------------------------------------------------------|
| `lines?before=N`             | the lines before the offset N; also `after`, `around`      |
| `news?from=N&seen=N`         | the lines from N on, if the log is larger than what was seen |
| `news?from=N&seen=N&count=1` | how many these are                                         |
| `search?text=…&from=N`       | where the lines begin that hold the text                   |
| `search?troubles=1&from=N`   | where warnings and errors begin                            |
| `marks`                      | where attempts begin, and their first errors               |
| `whole`                      | the log as a file                                          |

N are offsets in bytes; `floor` and `ceiling` bound what is shown and searched. Every answer tells
the size of the log and its generation; to a question with another `generation`, that is all.
"""

import json
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from core.monitor.log_file import LogFile, open_log
from core.monitor.log_marks import Marks
from core.monitor.log_search import Text, Troubles, search
from core.monitor.log_window import (
    LOOK_BYTES,
    Window,
    count_lines,
    line_start,
    look_after,
    look_around,
    look_before,
)
from core.paths import RunPaths
from streamlit_app.routes import question, run_folder
from streamlit_app.routes.question import Query

FOLDER = "/api/runs/{run_id}/log"
PATH = FOLDER + "/{what}"
MAX_LOGS = 64

Answer = dict[str, Any]


class MarksShelf:
    """The marks of the logs that are being watched, shared by all who watch."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._marks: dict[RunPaths, tuple[Marks, Lock]] = {}

    def look(self, run: RunPaths) -> Answer:
        """What is known by now; one at a time reads on."""
        with self._lock:
            # Put at the end, so that the first is the one that nobody asked for the longest.
            marks, busy = self._marks.pop(run) if run in self._marks else (Marks(), Lock())
            self._marks[run] = (marks, busy)
            if len(self._marks) > MAX_LOGS:
                del self._marks[next(iter(self._marks))]
        # Who had to wait would come with a shorter log than the one before.
        with busy, open_log(run.log) as log:
            marks.advance(log)
            attempts = [[one.number, one.start, one.first_error] for one in marks.attempts]
            return {"attempts": attempts, "marked": marks.scanned, "all": marks.is_done(log)}


_SHELF = MarksShelf()


def give_lines(run: RunPaths, log: LogFile, query: Query) -> Answer:
    """The lines before, after or around an offset; the last ones when none is named."""
    floor, ceiling = read_number(query, "floor") or 0, read_number(query, "ceiling")
    if (offset := read_number(query, "around")) is not None:
        return tell_window(look_around(log, offset, floor, ceiling))
    if (offset := read_number(query, "after")) is not None:
        return tell_window(look_after(log, offset, ceiling))
    end = read_number(query, "before")
    return tell_window(look_before(log, log.size if end is None else end, floor))


def give_news(run: RunPaths, log: LogFile, query: Query) -> Answer:
    """What was added since; nothing when nothing was. More than a look is not told line by line."""
    start, seen = read_number(query, "from") or 0, read_number(query, "seen") or 0
    if log.size < seen:
        return {"anew": True}
    if log.size == seen:
        return {}
    marks = _SHELF.look(run)
    if query.get("count"):
        lines, end = count_lines(log, start)
        return {"count": lines, "end": end, **marks}
    if log.size - start > LOOK_BYTES:
        return {"many": True, **marks}
    return {**tell_window(look_after(log, start)), **marks}


def give_hits(run: RunPaths, log: LogFile, query: Query) -> Answer:
    """Where the wanted lines begin, as far as a moment's search came."""
    wanted = Troubles() if query.get("troubles") else Text(query.get("text", ""))
    start = line_start(log, read_number(query, "from") or 0)
    hits = search(log, wanted, start, read_number(query, "ceiling"))
    return {"hits": hits.starts, "next": hits.next, "done": hits.is_done}


def give_marks(run: RunPaths, log: LogFile, query: Query) -> Answer:
    """Where attempts begin and where each first went wrong, as far as is known."""
    return _SHELF.look(run)


def tell_window(window: Window) -> Answer:
    """The window as the page reads it."""
    return {
        "start": window.start,
        "end": window.end,
        "open": window.open_at,
        "lines": [[line.start, line.text, line.level] for line in window.lines],
    }


def read_number(query: Query, name: str) -> int | None:
    """The number with this name in the question; None for what is none."""
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


GIVERS: dict[str, Callable[[RunPaths, LogFile, Query], Answer]] = {
    "lines": give_lines,
    "news": give_news,
    "search": give_hits,
    "marks": give_marks,
}


def look(params: Query, query: Query) -> Response:
    """The answer to one question about the log."""
    run, give = run_folder.find(params["run_id"]), GIVERS.get(params["what"])
    if run is None or give is None:
        return run_folder.missing()
    with open_log(run.log) as log:
        answer: Answer = {"size": log.size, "generation": log.generation}
        if query.get("generation", log.generation) != log.generation:
            answer["anew"] = True
        else:
            answer |= give(run, log, query)
    return question.answer(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode())


async def whole(request: Request) -> Response:
    """The log as a file, streamed; stars stand for the tokens of accounts."""
    run = run_folder.find(request.path_params["run_id"])
    if run is None:
        return run_folder.missing()
    content = _stream(run)
    size = await run_in_threadpool(next, content)
    return StreamingResponse(
        content,
        media_type="text/plain; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{run.run_id}.log"',
            "Content-Length": size.decode(),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _stream(run: RunPaths) -> Iterator[bytes]:
    """The size of the log, as text, and then its content as of that moment."""
    with open_log(run.log) as log:
        yield str(log.size).encode()
        yield from log.stream()


ROUTES = [Route(f"{FOLDER}/whole", whole, methods=["GET"])]
