"""Energy: the integral of known curves, over attempts alone."""

import math
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import to_text
from core.monitor.energy import (
    Span,
    energy_kwh,
    energy_text,
    joules_of_minutes,
    joules_of_watts,
    trained_spans,
)
from core.run.phase import Phase
from core.run.status import RunStatus
from tests.core.monitor.sampled import NOON, Place


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def event(minutes: float, phase: str, **more: Any) -> dict[str, Any]:
    return {"at": to_text(at(minutes)), "phase": phase, "reason": "", "attempt": 1, **more}


def status(phase: Phase, **changes: Any) -> RunStatus:
    known = {"run_id": "r", "name": "r", "submitted_at": NOON, "since": NOON, "gpus": (0,)}
    return RunStatus(**{**known, "phase": phase, **changes})


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_constant_power_is_power_times_time() -> None:
    times = np.arange(0.0, 3601.0)
    assert joules_of_watts(times, np.full(3601, 200.0), 0, math.inf) == 720_000


def test_a_known_curve_is_integrated_exactly() -> None:
    times = np.arange(0.0, 101.0)
    ramp = 10 * times
    assert joules_of_watts(times, ramp, 0, 100) == pytest.approx(5 * 100**2)
    # Between two readings power is a straight line, so ends may lie anywhere.
    assert joules_of_watts(times, ramp, 20.25, 60.5) == pytest.approx(5 * (60.5**2 - 20.25**2))


def test_a_gap_of_more_than_ten_seconds_counts_nothing() -> None:
    watts = np.full(4, 100.0)
    assert joules_of_watts(np.array([0.0, 1, 11, 12]), watts, 0, 100) == 1200
    assert joules_of_watts(np.array([0.0, 1, 11.5, 12.5]), watts, 0, 100) == 200


def test_a_reading_that_is_missing_is_bridged_like_a_gap() -> None:
    times = np.arange(0.0, 5.0)
    watts = np.array([100, math.nan, 100, 100, math.nan])
    assert joules_of_watts(times, watts, 0, 10) == 300
    assert joules_of_watts(times, np.full(5, math.nan), 0, 10) is None


@given(st.lists(st.floats(0, 60), min_size=1, max_size=6))
def test_parts_of_a_time_add_up_to_the_whole(cuts: list[float]) -> None:
    times = np.arange(0.0, 61.0)
    watts = 100 + 50 * np.sin(times)
    ends = [0.0, *sorted(cuts), 60.0]
    parts = [joules_of_watts(times, watts, a, b) or 0 for a, b in pairwise(ends)]
    assert sum(parts) == pytest.approx(joules_of_watts(times, watts, 0, 60))


def test_a_minute_at_the_end_of_a_time_counts_in_part() -> None:
    minutes, joules = np.array([0.0, 60, 120]), np.array([600.0, 600, math.nan])
    assert joules_of_minutes(minutes, joules, 30, 90) == 600
    assert joules_of_minutes(minutes, joules, 120, 180) is None


def test_one_attempt_is_counted_from_its_start_to_its_end(place: Place) -> None:
    place.sample(601, lambda at_s: 100 + at_s)
    spans = trained_spans(
        [event(1, "queued"), event(2, "starting"), event(3, "running"), event(8, "completed")],
        status(Phase.COMPLETED),
    )
    joules = 100 * 360 + (480**2 - 120**2) / 2
    assert energy_kwh(place.track(), spans) == pytest.approx(joules / 3.6e6)


def test_pauses_and_waiting_are_left_out_of_several_attempts(place: Place) -> None:
    place.sample(1201, lambda at_s: 100 + at_s)
    events = [
        event(1, "starting"),
        event(2, "running"),
        event(4, "pausing"),
        event(5, "paused"),
        event(9, "queued"),
        event(10, "starting"),
        event(11, "running"),
        event(13, "completed"),
    ]
    spans = trained_spans(events, status(Phase.COMPLETED))
    assert spans == [Span(at(1), at(5), (0,)), Span(at(10), at(13), (0,))]
    joules = 100 * 240 + (300**2 - 60**2) / 2 + 100 * 180 + (780**2 - 600**2) / 2
    assert energy_kwh(place.track(), spans) == pytest.approx(joules / 3.6e6)


def test_both_gpus_of_a_run_count(place: Place) -> None:
    place.sample(61, lambda at_s: 100)
    track = place.track()
    one = energy_kwh(track, [Span(NOON, None, (0,))])
    assert one is not None
    assert energy_kwh(track, [Span(NOON, None, (0, 1))]) == pytest.approx(2 * one)


def test_each_attempt_has_the_gpus_its_event_tells() -> None:
    events = [
        event(1, "starting", gpus=[1]),
        event(2, "failed"),
        event(3, "starting", gpus="hostile"),
    ]
    assert trained_spans(events, status(Phase.STARTING)) == [
        Span(at(1), at(2), (1,)),
        Span(at(3), None, (0,)),
    ]


def test_an_event_that_a_crash_cost_makes_no_attempt_endless() -> None:
    ended = status(Phase.COMPLETED, ended_at=at(9))
    assert trained_spans([event(1, "starting"), event(2, "running")], ended) == [
        Span(at(1), at(9), (0,))
    ]
    again = [event(1, "starting"), event(3, "starting"), event(4, "completed")]
    assert [(span.begin, span.end) for span in trained_spans(again, ended)] == [
        (at(1), at(3)),
        (at(3), at(4)),
    ]


def test_events_that_cannot_be_read_are_left_out() -> None:
    events = [{}, {"at": None}, {"at": "soon", "phase": "starting"}, {"at": to_text(NOON)}]
    assert trained_spans(events, status(Phase.QUEUED)) == []


def test_energy_of_minutes_and_of_seconds_add_up(place: Place) -> None:
    place.minutes(NOON - timedelta(hours=1), 60, power_w=100)
    place.sample(600, lambda at_s: 100)
    begin = NOON - timedelta(minutes=30)
    track = place.track(begin, fine_s=600)
    assert energy_kwh(track, [Span(begin, None, (0,))]) == pytest.approx(100 * (1800 + 599) / 3.6e6)


@pytest.mark.parametrize(
    ("kwh", "price", "text"),
    [
        (None, 0.3, ""),
        (0.42, 0.31, "0.42 kWh · 0.13 EUR"),
        (0.42, None, "0.42 kWh"),
        (0.0421, 0, "0.042 kWh · 0.00 EUR"),
        (0.0002, None, "0.20 Wh"),
        (1234.5, 1, "1,234.50 kWh · 1234.50 EUR"),
    ],
)
def test_energy_has_its_unit_and_its_cost(kwh: float, price: float, text: str) -> None:
    assert energy_text(kwh, price, "EUR") == text
