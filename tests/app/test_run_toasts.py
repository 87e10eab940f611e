"""A toast for what becomes of a run while a page is open: once, and for nothing that was before."""

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from core.clock import now
from core.paths import RunPaths
from core.run.phase import Phase
from core.run.store import Store
from streamlit_app import run_news
from streamlit_app.components.run_toasts import MOST, text
from streamlit_app.run_index import SLICE, RunIndex
from streamlit_app.run_news import LOOK_EVERY_S, RunNews
from tests.app.conftest import Open, check
from tests.app.furnished import Furnished
from tests.clock import Clock

HOSTILE = "<img src=x onerror=alert(1)> [a](http://b) :smile: **x** " + "y" * 99


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_news, "LOOK_EVERY_S", 0.0)


def end(place: Furnished, run: RunPaths, phase: Phase = Phase.COMPLETED, **changes: object) -> None:
    """The run has just ended."""
    place.change(run, **{"phase": phase, "since": now(), "ended_at": now(), **changes})


def toasts(page: AppTest) -> list[str]:
    return [toast.value for toast in check(page.run()).toast]


def test_a_run_that_ends_is_told_once_with_its_name_and_a_link(
    place: Furnished, open_page: Open
) -> None:
    place.beat()
    place.add_run("old", Phase.FAILED)
    run = place.add_run("poems", Phase.RUNNING)
    for name in ("runs", "settings"):
        page = open_page(name)
        assert toasts(page) == []
        end(place, run, reason="trained 5 steps")
        [told] = toasts(page)
        assert told == f"**[poems completed](run?run={run.run_id})**  \nTrained 5 steps"
        assert toasts(page) == []
        place.change(run, phase=Phase.RUNNING, since=now())
        assert toasts(page) == []


def test_every_session_is_told_and_one_that_comes_later_is_not(
    place: Furnished, open_page: Open
) -> None:
    run = place.add_run("poems", Phase.RUNNING)
    first, second = open_page(), open_page()
    end(place, run, Phase.FAILED)
    assert len(toasts(first)) == len(toasts(second)) == 1
    assert toasts(open_page()) == []


def test_hostile_names_are_shown_as_they_are_and_many_at_once_are_counted(
    place: Furnished, open_page: Open
) -> None:
    runs = [place.add_run(f"run {number}", Phase.RUNNING) for number in range(MOST + 2)]
    page = open_page()
    for run in runs:
        end(place, run, Phase.FAILED, name=HOSTILE, reason=HOSTILE)
    told = toasts(page)
    assert len(told) == MOST + 1
    assert told[-1] == "2 more ended: see the page Runs."
    assert "\\<img" in told[0] and "\\[a\\]" in told[0] and "\\*\\*x" in told[0]


@pytest.fixture
def news(place: Furnished) -> RunNews:
    return RunNews(RunIndex(Store(place.workspace)))


def titles(news: RunNews) -> list[str]:
    return [one.title for one in news.since(0)[0]]


def test_who_asks_first_has_missed_nothing_and_counts_on_from_there(
    place: Furnished, news: RunNews
) -> None:
    run = place.add_run("one", Phase.RUNNING)
    assert news.since(None) == ([], 0)
    end(place, run)
    assert news.since(None) == ([], 1)
    found, number = news.since(0)
    assert [one.run_id for one in found] == [run.run_id] and number == 1
    assert "one" in text(found[0])
    assert news.since(1) == ([], 1)


def test_help_is_asked_for_when_a_hold_has_lasted_though_no_file_changes(
    place: Furnished, news: RunNews
) -> None:
    run = place.add_run("hot", Phase.RUNNING)
    news.since(None)
    place.change(run, phase=Phase.PAUSED, held_by="temperature", since=now())
    assert titles(news) == []
    place.change(run, since=now() - timedelta(seconds=601))
    assert titles(news) == titles(news) == ["hot needs help"]


def test_what_was_ended_long_ago_and_comes_now_is_no_news(place: Furnished, news: RunNews) -> None:
    news.since(None)
    place.add_run("imported", Phase.COMPLETED, minutes_ago=999)
    place.add_run("quick", Phase.COMPLETED, minutes_ago=0)
    assert titles(news) == ["quick completed"]


def test_an_ended_run_that_ends_again_is_told_again_whenever_it_is_its_turn(
    place: Furnished, news: RunNews
) -> None:
    runs = [
        place.add_run(f"run-{number}", Phase.COMPLETED, minutes_ago=number)
        for number in range(SLICE + 1)
    ]
    news.since(None)
    end(place, runs[0], Phase.FAILED)
    for _ in range(3):
        news.since(None)
    assert titles(news) == ["run-0 failed"]


def test_records_that_are_broken_or_gone_stop_nothing(place: Furnished, news: RunNews) -> None:
    broken, gone = place.add_run("broken", Phase.RUNNING), place.add_run("gone", Phase.RUNNING)
    news.since(None)
    broken.status.write_text("{")
    gone.status.unlink()
    assert titles(news) == []
    gone.spec.unlink()
    gone.events.unlink()
    gone.output.rmdir()
    gone.folder.rmdir()
    assert titles(news) == []


def test_many_sessions_look_no_more_often_than_one(
    place: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_news, "LOOK_EVERY_S", LOOK_EVERY_S)
    clock = Clock()
    news = RunNews(RunIndex(Store(place.workspace)), clock)
    run = place.add_run("one", Phase.RUNNING)
    news.since(None)
    end(place, run)
    assert titles(news) == []
    clock.now += LOOK_EVERY_S
    assert titles(news) == ["one completed"]
