"""The trend of a curve: its newest values against as many before."""

import numpy as np
import pytest

from core.monitor.trend import FEWEST, WINDOW, change


def test_a_falling_curve_has_a_negative_change() -> None:
    assert change(np.array([2.0] * 10 + [1.0] * 10)) == (-0.5, 10)


def test_one_spike_among_many_values_changes_little() -> None:
    values = np.full(2 * WINDOW, 1.0)
    values[-1] = 2.0
    found = change(values)
    assert found == (pytest.approx(1 / WINDOW), WINDOW)


@pytest.mark.parametrize("values", [[], [1.0] * (2 * FEWEST - 1), [0.0] * 40, [-1.0] * 40])
def test_nothing_is_claimed_of_too_few_values_or_none_above_zero(values: list[float]) -> None:
    assert change(np.array(values)) is None
