"""When the steps of a training were made, told from the few moments that its files know."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from core.clock import from_unix

_STAMP = re.compile(r"^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3})\]", re.MULTILINE)


OLDEST_S = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
DAY_S = 86_400


@dataclass(frozen=True)
class Span:
    """From when to when a training took, in Unix seconds."""

    began_s: float
    ended_s: float

    @property
    def seconds(self) -> float:
        return self.ended_s - self.began_s


def find_span(
    log: Span | None, runtime_s: float | None, saved_s: float, touched_s: Iterable[float]
) -> Span:
    """The span of a training whose state was saved at `saved_s`.

    Files lose their times when they are copied, so that a log that tells its own is believed
    first, then the duration that the training itself told, then the oldest of its files.
    """
    if log is not None:
        return log
    if runtime_s is not None:
        return Span(max(0.0, saved_s - runtime_s), saved_s)
    return Span(min([*touched_s, saved_s]), saved_s)


def find_log_span(head: str, tail: str) -> Span | None:
    """From the first to the last time told in a log of Axolotl; None when it tells none."""
    first, last = _STAMP.search(head), _STAMP.findall(tail)
    if not first or not last:
        return None
    try:
        began_s, ended_s = _moment_s(*first.groups()), _moment_s(*last[-1])
    except (ValueError, OverflowError, OSError):
        return None
    is_believable = OLDEST_S <= began_s < ended_s <= time.time() + DAY_S
    return Span(began_s, ended_s) if is_believable else None


def _moment_s(second: str, milliseconds: str) -> float:
    # A log tells local time, and not of which zone: ours is the best guess.
    return datetime.fromisoformat(second).astimezone().timestamp() + int(milliseconds) / 1000


@dataclass(frozen=True)
class StepClock:
    """Tells when a step was made: between the moments that are known time passes evenly."""

    steps: NDArray[np.float64]
    moments_s: NDArray[np.float64]

    def at(self, step: float) -> datetime:
        """When the step was made."""
        return from_unix(float(np.interp(step, self.steps, self.moments_s)))


def make_clock(span: Span, last_step: float, saved: Iterable[tuple[int, float]]) -> StepClock:
    """The clock of a training; `saved` are steps and moments of its checkpoints, the oldest first.

    A moment that does not fit between its neighbours is passed over.
    """
    steps, moments_s = [0.0], [span.began_s]
    for step, moment_s in saved:
        if steps[-1] < step < last_step and moments_s[-1] < moment_s < span.ended_s:
            steps.append(float(step))
            moments_s.append(moment_s)
    return StepClock(np.array([*steps, max(1.0, last_step)]), np.array([*moments_s, span.ended_s]))
