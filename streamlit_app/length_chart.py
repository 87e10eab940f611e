"""How long rows are, as bars on an axis on which each step doubles. Pure: values in, figure out."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import plotly.graph_objects as go

HEIGHT = 240
BUCKETS_PER_DOUBLING = 4
LIMIT_COLOR = "#8a93a5"
TOO_LONG = "#b8611b"

Lengths = Sequence[tuple[int, int]]
"""Pairs of a length and how many rows are that long."""


def figure(lengths: Lengths, unit: str, limit: int = 0, counted: str = "Rows") -> go.Figure:
    """The bars; with a `limit`, a line there, and what is longer looks different.

    Lengths are in `unit`; `counted` tells what has them.
    """
    chart = go.Figure()
    fits = [pair for pair in lengths if not limit or pair[0] <= limit]
    _add(chart, fits, "fits" if limit else "rows")
    longer = [pair for pair in lengths if limit and pair[0] > limit]
    if longer:
        _add(chart, longer, "too long")
        chart.data[-1].marker = {"color": TOO_LONG, "pattern": {"shape": "/", "solidity": 0.4}}
    if limit:
        _mark(chart, limit, unit)
    ends = [length for length, _ in lengths] + ([limit] if limit else [])
    low, high = math.log2(max(1, min(ends, default=1))), math.log2(max(2, *ends, 2))
    ticks = _ticks(low, high)
    chart.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 24 if limit else 8, "b": 8},
        barmode="stack",
        bargap=0,
        showlegend=bool(longer),
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        xaxis={
            "title": f"Length in {unit}",
            "tickvals": [math.log2(tick) for tick in ticks],
            "ticktext": [f"{tick:,}" for tick in ticks],
            "range": [low - 0.5, high + 0.5],
            "showgrid": False,
        },
        yaxis={"title": counted, "rangemode": "tozero", "tickformat": ",d"},
    )
    return chart


def bucket_of(length: int) -> int:
    """The number of the bar in which a length is counted."""
    return int(math.log2(max(1, length)) * BUCKETS_PER_DOUBLING)


def centred(histogram: Lengths) -> list[tuple[int, int]]:
    """The counts of a report, which name the upper end of each of its buckets, by their middle."""
    half = 2 ** (0.5 / BUCKETS_PER_DOUBLING)
    return [(max(1, round(length / half)), rows) for length, rows in histogram]


def share_within(lengths: Iterable[tuple[int, int]], share: float) -> int:
    """The length that this share of the rows does not pass; 0 without rows."""
    pairs = sorted(lengths)
    wanted, passed = share * sum(rows for _, rows in pairs), 0
    for length, rows in pairs:
        passed += rows
        if passed >= wanted:
            return length
    return 0


def _add(chart: go.Figure, lengths: Lengths, name: str) -> None:
    counts: Counter[int] = Counter()
    for length, rows in lengths:
        counts[bucket_of(length)] += rows
    buckets = sorted(counts)
    chart.add_bar(
        x=[(bucket + 0.5) / BUCKETS_PER_DOUBLING for bucket in buckets],
        y=[counts[bucket] for bucket in buckets],
        width=1 / BUCKETS_PER_DOUBLING,
        name=name,
    )


def _mark(chart: go.Figure, limit: int, unit: str) -> None:
    chart.add_vline(x=math.log2(limit), line={"width": 2, "color": LIMIT_COLOR})
    chart.add_annotation(
        x=math.log2(limit),
        y=1,
        yref="paper",
        yanchor="bottom",
        text=f"{limit:,} {unit}",
        showarrow=False,
        font={"color": LIMIT_COLOR},
    )


def _ticks(low: float, high: float) -> list[int]:
    """Powers of two along the axis, few enough for a phone."""
    first, last = math.floor(low), math.ceil(high)
    step = max(1, math.ceil((last - first) / 6))
    return [2**power for power in range(first, last + 1, step)]
