import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.thin import thin


def test_few_points_stay_as_they_are() -> None:
    x, y = np.arange(5.0), np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    assert thin(x, y, 5)[1].tolist() == y.tolist()


def test_no_points_are_no_points() -> None:
    assert len(thin(np.array([]), np.array([]))[0]) == 0


@pytest.mark.parametrize("place", [0, 1, 4_999, 98_765, 99_999])
def test_a_spike_of_one_point_stays(place: int) -> None:
    x, y = np.arange(100_000.0), np.ones(100_000)
    y[place] = 7.5
    thin_x, thin_y = thin(x, y, 1000)
    assert thin_y.max() == 7.5
    assert thin_x[thin_y.argmax()] == place


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(min_value=4, max_value=50)
)
def test_thinned_points_are_few_in_order_and_true(values: list[float], limit: int) -> None:
    x, y = np.arange(float(len(values))), np.array(values)
    thin_x, thin_y = thin(x, y, limit)
    assert len(thin_x) <= limit
    assert (np.diff(thin_x) > 0).all()
    assert all(y[int(at)] == value for at, value in zip(thin_x, thin_y, strict=True))
    assert (thin_x[0], thin_x[-1]) == (x[0], x[-1])
    assert (thin_y.min(), thin_y.max()) == (y.min(), y.max())
