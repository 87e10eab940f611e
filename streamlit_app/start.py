"""How an attempt comes to its first step, from the run's events and journal. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.run.phase import LIVE, Phase, Stage
from streamlit_app.timeline import Event, find_moment

GETTING_READY_S = 0.5
"""A standby that still imported for so long after it had its run was not ready for it."""

LONG_WAIT_S = 2.0
"""A longer wait in the queue is told beside the start; a shorter one is part of it."""


class End(StrEnum):
    """What a start has come to."""

    OPEN = "open"
    FIRST_STEP = "first step"
    TRAINING = "training"
    BROKEN_OFF = "broken off"


class Warmth(StrEnum):
    """Whether the process that trains was there before its run was."""

    WARM = "warm"
    HALF_WARM = "half warm"
    COLD = "cold"


@dataclass(frozen=True)
class Span:
    """A stage of a start: when it began after the daemon took the run, and how long it took."""

    stage: str
    begun_s: float
    seconds: float


@dataclass(frozen=True)
class Start:
    """How an attempt comes to its first step. Of one that is open the last span goes on.

    `waited_s` is the time in the queue before it, since the submit or, where it had `returned`
    there, since then; None when nothing tells. `cold` is why the process was no warm one: empty
    when it was, None when nothing tells.
    """

    spans: tuple[Span, ...]
    end: End
    waited_s: float | None = None
    returned: bool = False
    cold: str | None = None

    @property
    def seconds(self) -> float:
        """How long it took from the moment the daemon took the run."""
        return self.spans[-1].begun_s + self.spans[-1].seconds

    @property
    def counted_wait_s(self) -> float | None:
        """The wait where it is part of the start; None where it was long, or nothing tells."""
        is_short = self.waited_s is not None and self.waited_s <= LONG_WAIT_S
        return self.waited_s if is_short else None

    @property
    def total_s(self) -> float:
        """How long it took, with the wait where that is part of it."""
        return (self.counted_wait_s or 0.0) + self.seconds

    @property
    def warmth(self) -> Warmth | None:
        """How warm the process was; None when nothing tells."""
        if self.cold is None:
            return None
        if self.cold:
            return Warmth.COLD
        imports_s = sum(span.seconds for span in self.spans if span.stage == Stage.IMPORTS)
        return Warmth.WARM if imports_s < GETTING_READY_S else Warmth.HALF_WARM


@dataclass(frozen=True)
class _Mark:
    """A stage began."""

    stage: str
    at: datetime


def find_start(
    events: Sequence[Event], journal: Sequence[Mapping[str, Any]], attempt: int, now: datetime
) -> Start | None:
    """The start of the attempt as far as it has come; None when it has not begun."""
    place = _find_place(events, attempt)
    if place is None:
        return None
    taken_at, queued = events[place].at, _find_queued(events[:place])
    entries = _until_first_step([entry for entry in journal if entry.get("attempt") == attempt])
    marks = _find_marks(taken_at, entries)
    ended_at = next((event.at for event in events[place:] if event.phase not in LIVE), None)
    end, end_at = _find_end(marks, entries, ended_at, now)
    return Start(
        spans=_make_spans(marks, end, end_at),
        end=end,
        waited_s=_seconds(queued.at, taken_at) if queued else None,
        returned=place > 1,
        cold=next((str(e.get("cold", "")) for e in entries if e.get("entry") == "start"), None),
    )


def _find_place(events: Sequence[Event], attempt: int) -> int | None:
    """Where among the events the attempt begins."""
    places = (
        place
        for place, event in enumerate(events)
        if event.phase == Phase.STARTING and event.attempt == attempt
    )
    return max(places, default=None)


def _find_queued(before: Sequence[Event]) -> Event | None:
    """The event that put the run into the queue, from where it was taken."""
    return before[-1] if before and before[-1].phase == Phase.QUEUED else None


def _until_first_step(entries: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    kinds = [entry.get("entry") for entry in entries]
    return entries[: kinds.index("first_step") + 1] if "first_step" in kinds else entries


def _find_marks(taken_at: datetime, entries: Sequence[Mapping[str, Any]]) -> list[_Mark]:
    """When each stage began, never before the one it follows. A stage said twice goes on."""
    marks = [_Mark(Stage.SPAWN.value, taken_at)]
    for entry in entries:
        stage, at = str(entry.get("stage")), find_moment(entry.get("at"))
        if entry.get("entry") == "stage" and at and stage != marks[-1].stage:
            marks.append(_Mark(stage, max(at, marks[-1].at)))
    return marks


def _find_end(
    marks: Sequence[_Mark],
    entries: Sequence[Mapping[str, Any]],
    ended_at: datetime | None,
    now: datetime,
) -> tuple[End, datetime]:
    """What the start has come to, and when."""
    kinds = [entry.get("entry") for entry in entries]
    if "first_step" in kinds and (stepped_at := find_moment(entries[-1].get("at"))):
        return End.FIRST_STEP, stepped_at
    training = next((mark for mark in marks if mark.stage == Stage.TRAINING), None)
    # Older versions tell of no first step; nor does one that had no step left to train.
    if training and ("start" not in kinds or training != marks[-1]):
        return End.TRAINING, training.at
    return (End.BROKEN_OFF, ended_at) if ended_at else (End.OPEN, now)


def _make_spans(marks: Sequence[_Mark], end: End, end_at: datetime) -> tuple[Span, ...]:
    """Each stage up to the next one, the last up to the end."""
    if end is End.TRAINING:
        marks = marks[: [mark.stage for mark in marks].index(Stage.TRAINING)]
    ends = [*(mark.at for mark in marks[1:]), end_at]
    return tuple(
        Span(mark.stage, _seconds(marks[0].at, mark.at), _seconds(mark.at, ended_at))
        for mark, ended_at in zip(marks, ends, strict=True)
    )


def _seconds(begun_at: datetime, ended_at: datetime) -> float:
    return max(0.0, (ended_at - begun_at).total_seconds())
