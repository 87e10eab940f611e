"""What becomes of a run whose attempt has ended: decided from values alone.

A run that was asked to stop has stopped; one that was killed, crashed or vanished goes on from its
last checkpoint, a limited number of times and never twice over the same step; one that failed for
a reason that would only come again has failed.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.run.failure import TRANSIENT, Failure, FailureKind
from core.run.phase import Phase
from core.run.status import RunStatus, elapsed_s
from core.spec.axolotl_config import shrunk_micro_batch
from core.spec.run_spec import RunSpec
from daemon.ending import Ending, Outcome

MAX_DELAY_S = 1800.0

AT_ONCE = frozenset({FailureKind.VANISHED, FailureKind.DISK_FULL})
"""Kinds after which waiting helps nothing: the machine was off, or the disk is looked at anyway."""

SAME_STEP_ADVICE = (
    "Look at the log of both attempts, and at the rows around this step. A retry goes on from the "
    "last checkpoint."
)


@dataclass(frozen=True)
class Next:
    """The phase a run moves to, why, and its status but for that move."""

    phase: Phase
    reason: str
    status: RunStatus


def decide_next(
    status: RunStatus, ending: Ending, spec: RunSpec, delay_s: float, at: datetime
) -> Next:
    """Where the run goes from here. `delay_s` is the wait before the first unasked restart."""
    # It may have ended long before the daemon was there to see it.
    ended_at = min(at, ending.at or at)
    ended = replace(
        status,
        trained_s=round(max(status.trained_s, elapsed_s(status, ended_at) or 0.0), 3),
        attempt_started_at=None,
        failure=ending.failure,
        progress=replace(status.progress, eta_s=None),
    )
    if status.phase is Phase.CANCELLING:
        late = ", as it had just finished; the result is kept"
        note = late if ending.outcome is Outcome.COMPLETED else ""
        return _finish(replace(ended, failure=None), Phase.CANCELLED, f"on request{note}", ended_at)
    if ending.outcome is Outcome.COMPLETED:
        return _finish(ended, Phase.COMPLETED, ending.reason, ended_at)
    if ending.outcome is Outcome.STOPPED:
        return _stopped(ended, ending)
    assert ending.failure is not None, "an attempt that failed says why"
    return _failed(ended, ending.failure, spec, delay_s, at)


def _finish(status: RunStatus, phase: Phase, reason: str, at: datetime) -> Next:
    return Next(phase, reason, replace(status, ended_at=at, held_by=""))


def _stopped(status: RunStatus, ending: Ending) -> Next:
    if status.phase is Phase.PAUSING:
        return Next(Phase.PAUSED, ending.reason, status)
    # Not our wish: the machine was shut down in an orderly way.
    return Next(Phase.QUEUED, f"interrupted: {ending.reason}", replace(status, held_by=""))


def _failed(
    status: RunStatus, failure: Failure, spec: RunSpec, delay_s: float, at: datetime
) -> Next:
    shrinks = failure.kind is FailureKind.GPU_MEMORY and spec.on_oom == "shrink"
    if shrinks and can_shrink(status, spec):
        return _shrink(status, failure)
    if failure.kind not in TRANSIENT:
        return _finish(status, Phase.FAILED, failure.sentence, at)
    if status.phase is Phase.PAUSING:
        return Next(Phase.PAUSED, f"{failure.sentence} That was before it could save.", status)
    if failure.step is not None and failure.step == status.died_at_step:
        return _finish(_same_step(status, failure), Phase.FAILED, _twice(failure), at)
    if status.retries + 1 >= spec.max_attempts:
        reason = f"{failure.sentence} That was try {status.retries + 1} of {spec.max_attempts}."
        return _finish(status, Phase.FAILED, reason, at)
    return _again(status, failure, spec, delay_s, at)


def _shrink(status: RunStatus, failure: Failure) -> Next:
    shrunk = replace(status, shrinks=status.shrinks + 1)
    # Whoever asked for a pause gets one.
    phase = Phase.PAUSED if status.phase is Phase.PAUSING else Phase.QUEUED
    return Next(phase, f"{failure.sentence} It goes on with a smaller micro batch.", shrunk)


def _again(
    status: RunStatus, failure: Failure, spec: RunSpec, delay_s: float, at: datetime
) -> Next:
    wait_s = 0.0 if failure.kind in AT_ONCE else min(MAX_DELAY_S, delay_s * 2**status.retries)
    again = replace(
        status,
        retries=status.retries + 1,
        died_at_step=failure.step,
        retry_at=at + timedelta(seconds=wait_s),
        held_by="",
    )
    reason = f"{failure.sentence} Try {again.retries + 1} of {spec.max_attempts} follows."
    return Next(Phase.QUEUED, reason, again)


def _same_step(status: RunStatus, failure: Failure) -> RunStatus:
    sentence = _twice(failure)
    doomed = replace(
        failure, kind=FailureKind.SAME_STEP, sentence=sentence, advice=SAME_STEP_ADVICE
    )
    return replace(status, failure=doomed)


def _twice(failure: Failure) -> str:
    return f"Step {failure.step} ended it twice, so it is not tried again. {failure.sentence}"


def can_shrink(status: RunStatus, spec: RunSpec) -> bool:
    """Whether the micro batch of the last attempt can be made smaller once more."""
    last, smaller = (shrunk_micro_batch(spec.axolotl, status.shrinks + more) for more in (0, 1))
    return smaller < last
