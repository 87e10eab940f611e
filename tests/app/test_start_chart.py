import re

import pytest

from streamlit_app.start import End, Span, Start
from streamlit_app.start_chart import draw, find_axis_s, find_rows, tick_text
from streamlit_app.start_words import headline_text, summary_text, why_text

SPANS = (Span("spawn", 0, 0.1), Span("imports", 0.1, 0.2), Span("training", 0.3, 0.5))
WARM = Start(SPANS, End.FIRST_STEP, waited_s=0.2, cold="")


def kinds(start: Start) -> dict[str, str]:
    return {row.label: row.kind for row in find_rows(start)}


def bars(start: Start) -> list[tuple[float, float]]:
    """Where each bar begins and how long it is, in hundredths of the axis."""
    found = re.findall(r"left:([\d.]+)%;width:([\d.]+)%", draw(start))
    return [(float(left), float(width)) for left, width in found]


def test_the_bars_follow_each_other_on_one_axis_of_time() -> None:
    assert bars(WARM) == [(0, 20), (20, 10), (30, 20), (50, 50)]
    assert ">1 s</span>" in draw(WARM)


def test_a_long_wait_is_text_and_leaves_the_axis_to_the_rest() -> None:
    start = Start(SPANS, End.FIRST_STEP, waited_s=3 * 3600, cold="")
    assert bars(start) == [(0, 10), (10, 20), (30, 50)]
    page = draw(start)
    assert "before this axis" in page and "3 h 00 min" in page


def test_the_first_step_is_the_goal_and_a_break_is_told_apart() -> None:
    assert kinds(WARM)["First step"] == "goal"
    assert kinds(Start(SPANS, End.OPEN))["First step"] == "open"
    assert kinds(Start(SPANS[:2], End.BROKEN_OFF))["Loading the libraries"] == "broken"


def test_what_is_to_come_has_its_place_from_the_beginning() -> None:
    begun = kinds(Start(SPANS[:1], End.OPEN))
    later = kinds(Start(SPANS[:2], End.OPEN))
    assert list(begun) == list(later)
    assert begun["Loading the libraries"] == "pending" and later["Loading the model"] == "pending"
    assert "pending" not in kinds(Start(SPANS[:2], End.BROKEN_OFF)).values()


def test_a_stage_of_a_newer_version_is_only_text() -> None:
    page = draw(Start((Span("spawn", 0, 1), Span("<img src=x>", 1, 1)), End.OPEN))
    assert "&lt;img src=x&gt;" in page and "<img" not in page


@pytest.mark.parametrize(
    ("seconds", "axis_s"),
    [(0, 0.5), (0.8, 1), (1, 1), (1.01, 1.5), (19, 20), (61, 90), (5400, 5400), (15_000, 21_600)],
)
def test_the_axis_is_a_round_number_with_room_for_all(seconds: float, axis_s: float) -> None:
    assert find_axis_s(seconds) == axis_s


def test_a_tick_is_told_in_its_largest_unit() -> None:
    told = [tick_text(seconds) for seconds in (0, 0.75, 45, 450, 10_800)]
    assert told == ["0", "0.75 s", "45 s", "7.5 min", "3 h"]


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (WARM, "1.0 s from submit to the first step"),
        (Start(SPANS, End.OPEN, waited_s=0.2), "1.0 s since submit"),
        (Start(SPANS, End.OPEN, 0.2, returned=True), "1.0 s since its return to the queue"),
        (Start(SPANS, End.FIRST_STEP, 60), "0.80 s from its turn to the first step"),
        (Start(SPANS, End.TRAINING), "0.80 s from its turn to the training"),
        (Start(SPANS, End.BROKEN_OFF, 0.2), "Ended 1.0 s after submit, before the first step"),
    ],
)
def test_the_headline_tells_how_long_from_what_to_what(start: Start, told: str) -> None:
    assert headline_text(start) == told


def test_it_is_told_why_a_start_was_warm_or_cold_and_how_long_it_waited() -> None:
    assert why_text(WARM) == "A standby took the run over."
    assert why_text(Start(SPANS, End.OPEN)) == ""
    assert why_text(Start(SPANS, End.OPEN, 3600, cold="none was there")) == (
        "A new process had to load the libraries: none was there. "
        "Before that it waited 1 h 00 min in the queue."
    )
    assert len(why_text(Start(SPANS, End.OPEN, cold="x" * 2000))) < 300


def test_the_summary_waits_for_the_first_step() -> None:
    assert summary_text(WARM) == "1.0 s after submit, warm"
    assert summary_text(Start(SPANS, End.OPEN)) == summary_text(None) == ""
