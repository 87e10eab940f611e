"""The readings of the GPUs over the axis of the curves."""

import json
from datetime import timedelta
from pathlib import Path

import numpy as np

from core.clock import to_text
from core.monitor import readings
from core.monitor.energy import Span
from core.monitor.readings import clock_of, with_beginnings
from core.monitor.series import Series
from core.paths import RunPaths
from tests.core.monitor.sampled import NOON, Place

WHOLE_TIME = [Span(NOON, None, (0, 1))]


def log(paths: RunPaths, *rows: tuple[int, float], attempt: int = 1) -> None:
    """A log event for each step, so many seconds after noon."""
    with paths.metrics.open("a") as file:
        for step, at_s in rows:
            at = to_text(NOON + timedelta(seconds=at_s))
            row = {"at": at, "step": step, "attempt": attempt, "loss": 1.0, "tokens": step * 10}
            file.write(json.dumps(row) + "\n")


def begin(paths: RunPaths, attempt: int, step: int, at_s: float) -> None:
    """The training of an attempt begins."""
    at = to_text(NOON + timedelta(seconds=at_s))
    entry = {"at": at, "entry": "plan", "attempt": attempt, "step": step}
    with paths.journal.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def read(paths: RunPaths) -> Series:
    series = Series(paths)
    series.refresh()
    return series


def test_a_moment_lies_between_the_rows_around_it() -> None:
    noon = 1000.0
    clock = with_beginnings(noon + np.array([10.0, 20.0]), np.array([1.0, 2.0]), [noon])
    assert clock.place(noon + np.array([0.0, 5.0, 10.0, 15.0])).tolist() == [0.0, 0.5, 1.0, 1.5]
    assert clock.is_told(noon + np.array([-1.0, 0.0, 20.0, 21.0])).tolist() == [
        False,
        True,
        True,
        False,
    ]


def test_between_two_attempts_nothing_was_trained() -> None:
    clock = with_beginnings(np.array([10.0, 20.0, 110.0]), np.array([1.0, 2.0, 3.0]), [5.0, 100.0])
    assert clock.is_told(np.array([20.0, 50.0, 100.0])).tolist() == [True, False, True]
    assert clock.place(np.array([100.0, 105.0])).tolist() == [2.0, 2.5]


def test_readings_stand_where_the_run_was_and_pauses_are_left_out(tmp_path: Path) -> None:
    place, paths = Place(tmp_path), RunPaths(tmp_path)
    place.sample(200)
    begin(paths, 1, 0, 10)
    log(paths, (1, 20), (2, 30))
    begin(paths, 2, 2, 100)
    log(paths, (3, 110), attempt=2)
    found, newest_s = readings.whole(place.track(), WHOLE_TIME, read(paths), "step")
    power = next(one for one in found if one.kind == "power" and one.gpu == 0)
    told = power.x[~np.isnan(power.y)]
    assert (told[0], told[-1]) == (0.0, 3.0)
    # 21 seconds of the first attempt, 11 of the second.
    assert len(told) == 32
    assert newest_s == (NOON + timedelta(seconds=110)).timestamp()


def test_over_the_clock_they_are_told_up_to_now_but_only_while_the_run_had_the_gpu(
    tmp_path: Path,
) -> None:
    place, paths = Place(tmp_path), RunPaths(tmp_path)
    place.sample(60)
    spans = [Span(NOON + timedelta(seconds=10), NOON + timedelta(seconds=19), (1,))]
    found, _ = readings.whole(place.track(), spans, read(paths), "clock")
    assert {one.gpu for one in found} == {1}
    assert {one.kind for one in found} == set(readings.KINDS)
    assert len(found[0].x) == 10


def test_news_are_what_came_since_and_only_as_far_as_the_rows_go(tmp_path: Path) -> None:
    place, paths = Place(tmp_path), RunPaths(tmp_path)
    log(paths, (1, 0), (2, 30))
    place.sample(40)
    track, series = place.track(), read(paths)
    _, newest_s = readings.whole(track, WHOLE_TIME, series, "step")
    assert readings.news(track, WHOLE_TIME, series, "step", newest_s) == ([], newest_s)
    log(paths, (3, 34))
    series.refresh()
    new = readings.news(track, WHOLE_TIME, series, "step", newest_s)
    assert new is not None
    assert new[0][0].x.tolist() == [2.25, 2.5, 2.75, 3.0]
    assert new[1] == newest_s + 4


def test_news_of_a_long_time_are_none_so_that_a_whole_is_asked_for(tmp_path: Path) -> None:
    place, paths = Place(tmp_path), RunPaths(tmp_path)
    place.sample(700)
    since_s = NOON.timestamp()
    assert readings.news(place.track(), WHOLE_TIME, read(paths), "clock", since_s) is None


def test_the_clock_from_a_moment_on_places_as_the_whole_clock(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    begin(paths, 1, 0, 0)
    log(paths, *((step, step * 3.0) for step in range(1, 200)))
    series = read(paths)
    times = NOON.timestamp() + np.arange(400, 590, 0.7)
    for axis in ("step", "tokens", "time"):
        late = clock_of(series, axis, float(times[0]))
        assert len(late.moments) < 70
        assert np.allclose(late.place(times), clock_of(series, axis).place(times))
