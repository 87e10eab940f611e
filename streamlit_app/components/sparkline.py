"""A tiny curve of the last points, without axes."""

import math
from collections.abc import Sequence

from streamlit_app import live_part

POINTS = 60
HEIGHT = 32


def show(values: Sequence[float], alt: str, key: str) -> None:
    """The curve over its whole width; the same height while there is none yet."""
    finite = [float(f"{value:.5g}") for value in values if math.isfinite(value)]
    live_part.show("sparkline", {"values": finite, "alt": alt}, key=key, height=HEIGHT)
