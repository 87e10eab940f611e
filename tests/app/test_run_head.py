"""The head of a run's page: what it says, and when it asks for the page to be drawn anew."""

import json

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.paths import RunPaths
from core.run.phase import Phase, Verb
from core.run.store import Run, Store
from streamlit_app import run_head
from streamlit_app.routes import now, together
from tests.app.furnished import Furnished, progress


def look(place: Furnished, paths: RunPaths) -> Run:
    run = Store(place.workspace).find_run(paths.run_id)
    assert run
    return run


def revision(place: Furnished, paths: RunPaths) -> str:
    return run_head.tell(look(place, paths))["revision"]


def test_the_route_says_what_the_page_was_drawn_with(place: Furnished) -> None:
    place.beat()
    paths = place.add_run("poems", Phase.COMPLETED)
    place.metrics(paths, 2.5, 0.8, eval_loss=0.9)
    with TestClient(Starlette(routes=together.ROUTES)) as browser:
        answer = browser.get(now.PATH.format(run_id=paths.run_id))
        assert answer.json() == json.loads(json.dumps(run_head.tell(look(place, paths))))
        assert answer.headers["Cache-Control"] == "no-store"
        assert browser.get(now.PATH.format(run_id="20260101-000000-none")).status_code == 404
        assert browser.get(now.PATH.format(run_id="..%2F..%2Fetc")).status_code == 404


def test_more_steps_are_no_reason_to_draw_the_page_anew(place: Furnished) -> None:
    paths = place.add_run("poems", Phase.RUNNING, progress=progress(2))
    place.metrics(paths, 2.5, 2.4)
    before = revision(place, paths)
    place.metrics(paths, 2.5, 2.4, 2.3)
    place.change(paths, progress=progress(3), stage="evaluating")
    assert revision(place, paths) == before


@pytest.mark.parametrize("moved", ["phase", "wish", "event", "checkpoint", "first point"])
def test_what_is_seen_below_the_head_makes_another_revision(place: Furnished, moved: str) -> None:
    paths = place.add_run("poems", Phase.STARTING)
    before = revision(place, paths)
    if moved == "phase":
        place.change(paths, phase=Phase.RUNNING)
    elif moved == "wish":
        Store(place.workspace).request(paths.run_id, Verb.PAUSE)
    elif moved == "event":
        place.event(paths, "running", "training")
    elif moved == "checkpoint":
        place.checkpoint(paths, 10)
    else:
        place.metrics(paths, 2.5)
    assert revision(place, paths) != before


def test_the_tab_tells_progress_and_name(place: Furnished) -> None:
    live = place.add_run("poems", Phase.RUNNING, progress=progress(420))
    assert run_head.tell(look(place, live))["tab"] == "42% · poems"
    over = place.add_run("tales", Phase.COMPLETED)
    assert run_head.tell(look(place, over))["tab"] == "Completed · tales"


def test_the_trend_is_told_against_the_values_before(place: Furnished) -> None:
    paths = place.add_run("poems", Phase.RUNNING)
    place.metrics(paths, *[2.0] * 10, *[1.0] * 10)
    loss = run_head.tell(look(place, paths))["tiles"][0]
    assert loss == ("Loss", "1.0000", "↓ 50.0% below the 10 values before")


def test_the_best_validation_loss_stands_beside_the_newest(place: Furnished) -> None:
    paths = place.add_run("poems", Phase.RUNNING)
    place.metrics(paths, 2.0, eval_loss=0.5)
    place.metrics(paths, 2.0, 1.9, eval_loss=0.75)
    tile = run_head.tell(look(place, paths))["tiles"][1]
    assert tile == ("Validation loss", "0.7500", "best 0.5000 at step 1")


def test_without_a_daemon_it_says_how_old_everything_is(place: Furnished) -> None:
    paths = place.add_run("poems", Phase.RUNNING)
    place.beat(age_s=600)
    assert "as of 10 min ago" in run_head.tell(look(place, paths))["stale"]
    place.beat()
    assert run_head.tell(look(place, paths))["stale"] == ""
    over = place.add_run("tales", Phase.COMPLETED)
    place.beat(age_s=600)
    assert run_head.tell(look(place, over))["stale"] == ""


def test_a_run_that_is_held_says_since_when(place: Furnished) -> None:
    paths = place.add_run("poems", Phase.PAUSED, minutes_ago=90)
    assert run_head.tell(look(place, paths))["why"].endswith("Paused 1 h ago")


def test_one_that_cannot_move_any_more_is_not_asked_again(place: Furnished) -> None:
    over = place.add_run("tales", Phase.COMPLETED)
    failed = place.add_run("evil", Phase.FAILED)
    assert not run_head.tell(look(place, over))["moves"]
    assert run_head.tell(look(place, failed))["moves"]
