"""The curves as the browser asks for them, and as others try to."""

import math
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from bench.long_run import write_metrics
from core.clock import now, to_text
from core.files import append_json_line
from core.monitor import wholes
from core.monitor.chart import MAX_NEWS
from core.paths import RunPaths
from core.run.phase import Phase
from streamlit_app.routes.curves import PATH
from streamlit_app.routes.together import ROUTES
from tests.app.furnished import Furnished, metric
from tests.app.test_gpus_page import CARD, sample


@pytest.fixture
def client(place: Furnished, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """Asks for the curves; files are read to their ends however slow the machine is."""
    monkeypatch.setattr("core.monitor.shelf.LOOK_S", math.inf)
    return TestClient(Starlette(routes=ROUTES))


@pytest.fixture
def run(place: Furnished) -> RunPaths:
    return place.add_run("poems", Phase.RUNNING)


def ask(client: TestClient, run: RunPaths, **params: Any) -> dict[str, Any]:
    answer = client.get(PATH.format(run_id=run.run_id), params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


def known(answer: dict[str, Any]) -> dict[str, Any]:
    """What a browser tells of what it has."""
    return {key: answer[key] for key in ("generation", "rows", "marked", "until") if key in answer}


def test_a_whole_comes_at_first_and_then_only_what_is_new(
    client: TestClient, run: RunPaths
) -> None:
    write_metrics(run.metrics, 5000, eval_every=100)
    first = ask(client, run, smoothing=0.9)
    assert 500 < len(first["whole"]["loss"]["x"]) <= 1000
    assert len(first["whole"]["loss"]["smooth"]) == len(first["whole"]["loss"]["x"])
    assert first["axes"] == ["step", "tokens", "time", "clock", "epoch"]
    assert "gpu_memory_gib" not in first["whole"]
    assert first["others"] == ["gpu_memory_gib"]
    nothing = client.get(PATH.format(run_id=run.run_id), params=known(first) | {"smoothing": 0.9})
    assert len(nothing.content) < 150
    append_json_line(run.metrics, metric(5001, loss=0.5))
    new = ask(client, run, **known(nothing.json()), smoothing=0.9)
    assert new["news"]["loss"] == {"x": [5001], "y": [0.5]}
    assert "whole" not in new


def test_the_browser_can_go_on_smoothing_where_the_whole_ends(
    client: TestClient, run: RunPaths
) -> None:
    write_metrics(run.metrics, 3000, eval_every=10_000)
    first = ask(client, run, smoothing=0.9)["whole"]["loss"]
    append_json_line(run.metrics, metric(3001, loss=0.5))
    again = ask(client, run, smoothing=0.9, begin=2990, end=3001)["window"]["curves"]["loss"]
    mean = 0.9 * first["average"] + 0.1 * 0.5
    assert math.isclose(again["smooth"][-1], mean / (1 - 0.9 ** (first["count"] + 1)), rel_tol=1e-5)


def test_a_second_browser_gets_the_kept_whole_and_what_came_since(
    client: TestClient, run: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_metrics(run.metrics, 5000)
    made: list[object] = []
    whole = wholes.whole
    monkeypatch.setattr(wholes, "whole", lambda *of: made.append(of) or whole(*of))
    ask(client, run)
    append_json_line(run.metrics, metric(5001, loss=0.5))
    second = ask(client, run)
    assert len(made) == 1
    assert second["whole"]["loss"]["x"][-1] == 5000
    assert second["news"]["loss"]["x"] == [5001]
    assert second["rows"] == 5006
    # Too many new rows to send one by one.
    write_metrics(run.metrics, MAX_NEWS + 1, first=5002)
    late = ask(client, run, **known(second))
    assert late["whole"]["loss"]["x"][-1] == 5002 + MAX_NEWS
    assert len(made) == 2


def test_steps_that_are_trained_again_make_a_new_whole(
    client: TestClient, place: Furnished, run: RunPaths
) -> None:
    place.metrics(run, 2.5, 2.0, 1.5)
    first = ask(client, run)
    place.plan(run, attempt=2, step=1)
    second = ask(client, run, **known(first))
    assert second["whole"]["loss"]["x"] == [1]
    assert second["marks"]["labelled"] == [[1.0, "retry", "Attempt 2"]]


def test_a_window_has_the_finer_points_and_marks(
    client: TestClient, place: Furnished, run: RunPaths
) -> None:
    write_metrics(run.metrics, 20_000, spikes={12_345: 99.0})
    for step in range(1000, 20_000, 1000):
        place.journal(run, "checkpoint", step=step)
    window = ask(client, run, begin=12_000, end=12_500)["window"]
    loss = window["curves"]["loss"]
    assert loss["x"] == list(range(11_999, 12_502))
    assert loss["y"][loss["x"].index(12_345)] == 99.0
    assert window["marks"] == {"checkpoints": [12_000], "labelled": []}


def test_marks_come_once(client: TestClient, place: Furnished, run: RunPaths) -> None:
    place.metrics(run, 2.5, 2.0)
    place.journal(run, "checkpoint", step=1)
    first = ask(client, run)
    assert first["marks"] == {"checkpoints": [1], "labelled": []}
    assert "marks" not in ask(client, run, **known(first))
    place.journal(run, "stopped", step=2)
    assert ask(client, run, **known(first))["marks"]["labelled"] == [[2.0, "pause", "Paused"]]


def test_readings_of_the_gpus_stand_over_the_same_axis(
    client: TestClient, place: Furnished
) -> None:
    run = place.add_run("gpus", Phase.RUNNING, gpus=(0,))
    begin = now() - timedelta(seconds=60)
    run.events.write_text("")
    place.event(run, "starting", "because of a test", at=to_text(begin))
    write_metrics(run.metrics, 50, begin=begin)
    sample(place, CARD, seconds=20)
    first = ask(client, run)
    memory = next(one for one in first["all_readings"] if one["kind"] == "memory")
    assert memory["y"][0] == 9.0
    assert memory["x"][-1] <= 50
    again = ask(client, run, **known(first))
    assert "readings" not in again and "all_readings" not in again
    window = ask(client, run, begin=45, end=48)["window"]["readings"]
    assert all(45 <= x <= 48 for one in window for x in one["x"])
    clock = ask(client, run, axis="clock")["all_readings"]
    assert len(clock[0]["x"]) == 21


def test_a_long_file_is_told_by_and_by(
    client: TestClient, run: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.monitor.shelf.LOOK_S", 0.0)
    write_metrics(run.metrics, 20_000)
    first = ask(client, run)
    assert 0 < first["read"] < 1
    second = ask(client, run, **known(first))
    assert second["behind"]
    assert second["rows"] == first["rows"]
    assert "whole" not in second


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"axis": "x"}, "axis"),
        ({"smoothing": "1"}, "smoothing"),
        ({"smoothing": "nan"}, "smoothing"),
        ({"begin": "1"}, "end"),
        ({"begin": "inf", "end": "2"}, "begin"),
        ({"rows": "-1", "generation": "g"}, "rows"),
        ({"marked": "many", "generation": "g", "rows": "0"}, "marked"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_with_a_sentence(
    client: TestClient, run: RunPaths, params: dict[str, str], word: str
) -> None:
    generation = ask(client, run)["generation"]
    if "generation" in params:
        params = params | {"generation": generation}
    answer = client.get(PATH.format(run_id=run.run_id), params=params)
    assert answer.status_code == 400
    assert answer.json()["reason"].startswith(word)


@pytest.mark.parametrize("run_id", ["20260101-000000-gone", "..%2F..%2Fetc", "x" * 300])
def test_a_run_that_is_not_there_is_told(client: TestClient, run_id: str) -> None:
    answer = client.get(f"/api/runs/{run_id}/curves")
    assert answer.status_code == 404


def test_a_damaged_run_is_answered_all_the_same(client: TestClient, run: RunPaths) -> None:
    for path in (run.status, run.metrics, run.journal, run.events):
        path.write_bytes(b"\xff\x00[{\n")
    answer = ask(client, run)
    assert (answer["rows"], answer["live"], answer["whole"]) == (0, False, {})
