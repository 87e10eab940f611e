"""The curves of a run, as the page asks for them: a whole at first, then only what is new.

`GET /api/runs/<id>/curves?axis=step&smoothing=0.9` answers with the `whole`: every curve with few
points. Whoever has it asks with `generation`, `rows`, `until` and `marked` as they were told, and
is answered with the `news` since. Where that is not possible there is a `whole` again: rows were
taken back (another generation), or there are too many new ones. With `begin` and `end`, two places
on the axis, the finer points between them are answered as `window`.

`more=1` asks for the curves besides the usual ones as well; `others` are their names, and `curves`
tells how many there are of all. `read` is how much of a long file has been read, and `behind` that
there are more new rows than were told.
"""

import math
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import JSONResponse, Response

from core.monitor import readings
from core.monitor.chart import Look, Points, axes, news, place_of, window
from core.monitor.columns import AXES
from core.monitor.marks import CHECKPOINT, Mark
from core.monitor.readings import Reading
from core.monitor.shelf import SHELF, Watched
from core.monitor.smooth import MAX_SMOOTHING
from core.paths import RunPaths
from core.run.phase import LIVE
from core.run.store import Run
from streamlit_app import gpu_tracks, session
from streamlit_app.routes import question, run_folder
from streamlit_app.routes.question import Query

PATH = "/api/runs/{run_id}/curves"
USUAL = ("loss", "eval_loss", "learning_rate", "grad_norm", "tokens_per_second")
MAX_CHECKPOINTS = 400
MAX_LABELS = 100

Answer = dict[str, Any]


class BadQuestionError(Exception):
    """The question cannot be answered; the text says why."""


def look(params: Query, query: Query) -> Response:
    """The answer to one question about the curves."""
    paths = run_folder.find(params["run_id"])
    if paths is None:
        return run_folder.missing()
    try:
        answer = find_answer(paths, query)
    except BadQuestionError as error:
        return JSONResponse({"reason": str(error)}, 400)
    return question.answer(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY))


def find_answer(paths: RunPaths, query: Query) -> Answer:
    """What is new since the question before, or what is between two places."""
    wanted = Look(read_axis(query), round(read_number(query, "smoothing", 0.0), 3))
    if not 0 <= wanted.smoothing <= MAX_SMOOTHING:
        raise BadQuestionError(f"smoothing is a number from 0 to {MAX_SMOOTHING}.")
    watched = SHELF.get(paths)
    watched.refresh()
    run = session.store().find_run(paths.run_id)
    if "begin" in query or "end" in query:
        begin, end = read_number(query, "begin"), read_number(query, "end")
        return give_window(watched, run, wanted, begin, end) | {"generation": watched.generation}
    answer = give_news(watched, wanted, query)
    is_fresh = "whole" in answer
    answer |= give_marks(watched, wanted.axis, 0 if is_fresh else read_count(query, "marked"))
    if run is not None:
        since_s = None if is_fresh else read_number(query, "until", 0.0)
        answer |= give_readings(watched, run, wanted.axis, since_s)
    answer["live"] = run is not None and run.status.phase in LIVE
    return answer if query.get("more") else without_others(answer)


def give_news(watched: Watched, wanted: Look, query: Query) -> Answer:
    """The rows since those that the browser has, or a whole and the rows since that."""
    series = watched.series
    with series.held():
        generation, count = watched.generation, len(series.places)
        answer: Answer = {"generation": generation, "rows": count, "curves": len(series.curves)}
        if (fraction := series.read_fraction) < 1:
            answer["read"] = round(fraction, 3)
        if query.get("generation") == generation and "rows" in query:
            rows = read_count(query, "rows")
            new = news(series, wanted, rows)
            if new is not None:
                return answer | ({"news": tell_curves(new)} if new else {})
            if fraction < 1:
                return answer | {"rows": rows, "behind": True}
        whole = watched.wholes.get(wanted)
        since = news(series, wanted, whole.rows) or {}
        return answer | {
            "axes": axes(series),
            "whole": tell_curves(whole.curves),
            "news": tell_curves(since),
            "others": sorted(key for key in series.curves if key not in USUAL),
        }


def give_window(
    watched: Watched, run: Run | None, wanted: Look, begin: float, end: float
) -> Answer:
    """The finer points between two places on the axis."""
    told: Answer = {"curves": tell_curves(window(watched.series, wanted, begin, end))}
    places = [(place_of(watched.series, wanted.axis, mark), mark) for mark in watched.marks.marks]
    told["marks"] = tell_marks([one for one in places if begin <= one[0] <= end])
    track = gpu_tracks.of_run(run) if run else None
    if run and track:
        spans = gpu_tracks.spans_of(run)
        found, _ = readings.whole(track, spans, watched.series, wanted.axis, begin, end)
        told["readings"] = tell_readings(found)
    return {"window": told}


def give_marks(watched: Watched, axis: str, marked: int) -> Answer:
    """The marks from the one with this number on."""
    marks = watched.marks.marks
    new = [(place_of(watched.series, axis, mark), mark) for mark in marks[marked:]]
    return {"marked": len(marks)} | ({"marks": tell_marks(new)} if new else {})


def give_readings(watched: Watched, run: Run, axis: str, since_s: float | None) -> Answer:
    """The readings of the run's GPUs after a moment, or a whole of them where that is better."""
    track = gpu_tracks.of_run(run)
    if track is None:
        return {}
    spans, series = gpu_tracks.spans_of(run), watched.series
    new = None if since_s is None else readings.news(track, spans, series, axis, since_s)
    if new is None:
        found, until_s = readings.whole(track, spans, series, axis)
        return {"until": until_s, "all_readings": tell_readings(found)}
    return {"until": new[1]} | ({"readings": tell_readings(new[0])} if new[0] else {})


def without_others(answer: Answer) -> Answer:
    """The answer with the usual curves only."""
    for part in ("whole", "news"):
        if part in answer:
            answer[part] = {key: told for key, told in answer[part].items() if key in USUAL}
    return answer


def tell_curves(curves: Mapping[str, Points]) -> Answer:
    """The curves as the page reads them."""
    return {key: _tell_points(points) for key, points in curves.items()}


def _tell_points(points: Points) -> Answer:
    told: Answer = {"x": points.x, "y": points.y}
    if points.smooth is not None and points.state is not None:
        told |= {"smooth": points.smooth, "average": points.state[0], "count": points.state[1]}
    return told


def tell_readings(found: list[Reading]) -> list[Answer]:
    """The readings as the page reads them; null where a line is broken."""
    return [{"kind": one.kind, "gpu": one.gpu, "x": one.x, "y": one.y} for one in found]


def tell_marks(placed: list[tuple[float, Mark]]) -> Answer:
    """Where checkpoints are, as many as can be told apart, and all that has a label."""
    checkpoints = [round(x, 3) for x, mark in placed if mark.kind == CHECKPOINT]
    every = math.ceil(len(checkpoints) / MAX_CHECKPOINTS) or 1
    labelled = [
        [round(x, 3), mark.kind, mark.text] for x, mark in placed if mark.kind != CHECKPOINT
    ]
    return {"checkpoints": checkpoints[::-every][::-1], "labelled": labelled[-MAX_LABELS:]}


def read_axis(query: Query) -> str:
    """The axis that is asked for."""
    axis = query.get("axis", AXES[0])
    if axis not in AXES:
        raise BadQuestionError(f"axis is one of {', '.join(AXES)}.")
    return axis


def read_count(query: Query, name: str) -> int:
    """A whole number from 0 on; 0 when it is not told."""
    text = query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadQuestionError(f"{name} is a whole number from 0 on.")
    return int(text)


def read_number(query: Query, name: str, fallback: float | None = None) -> float:
    """A finite number."""
    text = query.get(name, "")
    if not text and fallback is not None:
        return fallback
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadQuestionError(f"{name} is a number.")
    return number
