"""The start of an attempt as bars on one axis of time, in HTML. Pure: values in, texts out."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from math import ceil

from core.run.phase import Stage
from streamlit_app.display import HOUR, MINUTE, precise_text
from streamlit_app.start import End, Span, Start
from streamlit_app.start_words import BEFORE_AXIS, WAIT, label_text

EXPECTED = (Stage.IMPORTS, Stage.CONFIG, Stage.DATASET, Stage.MODEL, Stage.TRAINING)
"""Stages of every start. They have their place from its beginning, so that nothing moves."""

AXES_S = (
    *(0.5, 1, 1.5, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40, 60, 90),
    *(minutes * MINUTE for minutes in (2, 3, 4, 6, 8, 10, 15, 20, 30, 40, 60, 90)),
)
"""Lengths whose half is a round number too. A bar that grows rarely makes the others shrink."""

LONG_AXIS_S = 2 * HOUR

PAGE = """\
<div class="start-timeline"><table>
<caption class="unseen">The stages of the start, each with its time</caption>
<tbody>{rows}</tbody>
<tfoot aria-hidden="true"><tr class="axis"><th></th><td><div class="cell">
<div class="lane">{ticks}</div><span class="time"></span></div></td></tr></tfoot>
</table></div>"""

ROW = """\
<tr class="{kind}"><th scope="row">{label}</th><td><div class="cell">
<div class="lane">{lane}</div><span class="time">{time}</span></div></td></tr>
"""

BAR = '<div class="bar" style="left:{left:.2f}%;width:{width:.2f}%"></div>'


@dataclass(frozen=True)
class Row:
    """A line of the chart: its kind, which is its look, and its bar in seconds on the axis.

    One that is still to come has no seconds. A `note` stands in the place of the bar.
    """

    label: str
    kind: str
    begun_s: float = 0.0
    seconds: float | None = None
    note: str = ""


def draw(start: Start) -> str:
    """A table of bars; to those who cannot see it, a table of times."""
    axis_s = find_axis_s(start.total_s)
    ticks = (f"<span>{tick_text(axis_s * part)}</span>" for part in (0, 0.5, 1))
    rows = (_draw_row(row, axis_s) for row in find_rows(start))
    return PAGE.format(rows="".join(rows), ticks="".join(ticks))


def find_rows(start: Start) -> Iterator[Row]:
    """The wait, the stages that have begun, and of an open start those to come."""
    if start.waited_s is not None:
        note = BEFORE_AXIS if start.counted_wait_s is None else ""
        yield Row(WAIT, "wait", 0.0, start.waited_s, note)
    for span in start.spans:
        begun_s = (start.counted_wait_s or 0.0) + span.begun_s
        yield Row(label_text(span.stage), _kind(start, span), begun_s, span.seconds)
    if start.end is End.OPEN:
        yield from (Row(label_text(stage), "pending") for stage in _to_come(start))


def find_axis_s(seconds: float) -> float:
    """The length of an axis on which the seconds have room."""
    place = bisect_left(AXES_S, seconds)
    return AXES_S[place] if place < len(AXES_S) else ceil(seconds / LONG_AXIS_S) * LONG_AXIS_S


def tick_text(seconds: float) -> str:
    """`0`, `0.5 s`, `30 s`, `7.5 min`, `2 h`."""
    if seconds < MINUTE:
        return f"{seconds:g} s" if seconds else "0"
    return f"{seconds / MINUTE:g} min" if seconds < HOUR else f"{seconds / HOUR:g} h"


def _kind(start: Start, span: Span) -> str:
    if span == start.spans[-1] and start.end in (End.OPEN, End.BROKEN_OFF):
        return "open" if start.end is End.OPEN else "broken"
    return "goal" if span.stage == Stage.TRAINING else "done"


def _to_come(start: Start) -> tuple[Stage, ...]:
    begun = {span.stage for span in start.spans}
    last = max((place for place, stage in enumerate(EXPECTED) if stage in begun), default=-1)
    return EXPECTED[last + 1 :]


def _draw_row(row: Row, axis_s: float) -> str:
    return ROW.format(
        kind=row.kind,
        label=escape(row.label),
        lane=_draw_lane(row, axis_s),
        time="" if row.seconds is None else escape(precise_text(row.seconds)),
    )


def _draw_lane(row: Row, axis_s: float) -> str:
    if row.note or row.seconds is None:
        return f'<span class="note">{escape(row.note)}</span>'
    return BAR.format(left=100 * row.begun_s / axis_s, width=100 * row.seconds / axis_s)
