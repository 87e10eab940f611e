"""When a waiting run starts, in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.run.forecast import Forecast
from streamlit_app.forecast_words import round_soon, soon_text, start_text

NAMES = {"1-a": "capitals", "2-b": "poems", "3-c": "letters"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "in a few minutes"),
        (400, "in a few minutes"),
        (1510, "in about 25 min"),
        (3590, "in about an hour"),
        (5300, "in about 1.5 h"),
        (40_000, "in about 11 h"),
        (86_000, "in about a day"),
        (200_000, "in about 2 days"),
        (9e6, "in more than a week"),
    ],
)
def test_it_is_told_coarsely(seconds: float, text: str) -> None:
    assert soon_text(round_soon(seconds)) == text


def test_what_was_told_does_not_waver() -> None:
    told = round_soon(1340)
    assert told == 1200
    assert [round_soon(seconds, told) for seconds in (1360, 1345, 1400)] == [1200] * 3
    assert round_soon(1500, told) == 1500


@given(st.floats(0, 1e7), st.floats(0, 1e7))
def test_more_time_never_sounds_like_less(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert round_soon(less) <= round_soon(more)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (Forecast(), ""),
        (Forecast(after=("1-a",)), "Starts after capitals ends"),
        (Forecast(after=("1-a", "2-b")), "Starts after capitals and poems end"),
        (Forecast(after=("1-a", "2-b"), any_of=True), "Starts as soon as capitals or poems ends"),
        (Forecast(behind="3-c"), "Its turn comes after letters"),
        (Forecast(behind="gone"), "Its turn comes after gone"),
    ],
)
def test_where_no_time_is_known_the_runs_before_it_are_named(told: Forecast, text: str) -> None:
    assert start_text(told, None, NAMES) == text
