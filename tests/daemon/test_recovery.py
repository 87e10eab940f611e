"""What becomes of a run is decided from how its attempt ended, and from nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.run.failure import TRANSIENT, Failure, FailureKind
from core.run.phase import Phase
from core.run.status import RunStatus
from core.spec.run_spec import RunSpec
from daemon.ending import Ending, Outcome
from daemon.recovery import MAX_DELAY_S, Next, decide_next

AT = datetime(2026, 11, 22, 13, 5, 9, tzinfo=UTC)
BEGAN = AT - timedelta(seconds=100)


def make_status(**changes: object) -> RunStatus:
    facts: dict = {"phase": Phase.RUNNING, "attempt": 1, "started_at": BEGAN} | changes
    return RunStatus("r", "n", AT, AT, attempt_started_at=BEGAN, **facts)


def failed(kind: FailureKind, step: int | None = 7) -> Ending:
    return Ending(Outcome.FAILED, "why", step, Failure(kind, "It ended.", step=step))


def follow(ending: Ending, run: dict | None = None, **status: object) -> Next:
    spec = RunSpec("n", {"micro_batch_size": 4}, **(run or {}))
    return decide_next(make_status(**status), ending, spec, delay_s=30, at=AT)


COMPLETED = Ending(Outcome.COMPLETED, "trained 9 steps", 9, None)
STOPPED = Ending(Outcome.STOPPED, "saved at step 7", 7, None)


def test_what_it_was_asked_for_decides_where_a_stopped_run_goes() -> None:
    assert follow(STOPPED, phase=Phase.PAUSING).phase is Phase.PAUSED
    # Nobody asked for a pause: the machine was shut down.
    assert follow(STOPPED).phase is Phase.QUEUED
    assert follow(STOPPED).status.retries == 0


@pytest.mark.parametrize("ending", [COMPLETED, STOPPED, failed(FailureKind.KILLED)])
def test_a_cancelled_run_is_cancelled_however_it_ended(ending: Ending) -> None:
    following = follow(ending, phase=Phase.CANCELLING)
    assert following.phase is Phase.CANCELLED
    assert ("just finished" in following.reason) == (ending is COMPLETED)


def test_a_run_that_finished_while_it_was_paused_is_completed() -> None:
    assert follow(COMPLETED, phase=Phase.PAUSING).phase is Phase.COMPLETED


@pytest.mark.parametrize("kind", FailureKind)
def test_only_what_may_be_gone_at_the_next_try_is_tried_again(kind: FailureKind) -> None:
    following = follow(failed(kind))
    assert (following.phase is Phase.QUEUED) == (kind in TRANSIENT)
    assert (following.status.retries == 1) == (kind in TRANSIENT)


def test_the_wait_before_a_restart_doubles_up_to_half_an_hour() -> None:
    def waits_s(retries: int) -> float:
        ending = failed(FailureKind.CRASHED)
        following = follow(ending, {"max_attempts": 99}, retries=retries, died_at_step=3)
        return (following.status.retry_at - AT).total_seconds()

    assert [waits_s(retries) for retries in (0, 1, 2, 10)] == [30, 60, 120, MAX_DELAY_S]


def test_after_a_power_cut_it_goes_on_at_once() -> None:
    assert follow(failed(FailureKind.VANISHED)).status.retry_at == AT


def test_max_attempts_are_not_exceeded() -> None:
    assert follow(failed(FailureKind.CRASHED), retries=1).phase is Phase.QUEUED
    last = follow(failed(FailureKind.CRASHED), retries=2)
    assert last.phase is Phase.FAILED
    assert "try 3 of 3" in last.reason
    assert follow(failed(FailureKind.CRASHED), {"max_attempts": 1}).phase is Phase.FAILED


def test_a_step_that_ends_it_twice_is_not_tried_a_third_time() -> None:
    twice = follow(failed(FailureKind.CRASHED, 7), {"max_attempts": 99}, retries=1, died_at_step=7)
    assert twice.phase is Phase.FAILED
    assert twice.status.failure.kind is FailureKind.SAME_STEP
    assert "Step 7" in twice.reason
    other = follow(failed(FailureKind.CRASHED, 8), {"max_attempts": 99}, retries=1, died_at_step=7)
    assert other.phase is Phase.QUEUED


def test_dying_twice_before_training_began_is_no_bad_step() -> None:
    again = follow(failed(FailureKind.VANISHED, None), retries=1, died_at_step=None)
    assert again.phase is Phase.QUEUED


def test_a_pause_that_ends_in_a_crash_is_a_pause_and_says_so() -> None:
    following = follow(failed(FailureKind.CRASHED), phase=Phase.PAUSING)
    assert following.phase is Phase.PAUSED
    assert "before it could save" in following.reason
    assert follow(failed(FailureKind.BAD_DATA), phase=Phase.PAUSING).phase is Phase.FAILED


def test_out_of_gpu_memory_halves_the_micro_batch_only_where_that_was_asked_for() -> None:
    assert follow(failed(FailureKind.GPU_MEMORY)).phase is Phase.FAILED
    shrunk = follow(failed(FailureKind.GPU_MEMORY), {"on_oom": "shrink"}, shrinks=1)
    assert (shrunk.phase, shrunk.status.shrinks, shrunk.status.retries) == (Phase.QUEUED, 2, 0)
    smallest = follow(failed(FailureKind.GPU_MEMORY), {"on_oom": "shrink"}, shrinks=2)
    assert smallest.phase is Phase.FAILED


def test_a_pause_that_meets_an_end_of_gpu_memory_stays_a_pause() -> None:
    ending = failed(FailureKind.GPU_MEMORY)
    following = follow(ending, {"on_oom": "shrink"}, phase=Phase.PAUSING)
    assert (following.phase, following.status.shrinks) == (Phase.PAUSED, 1)


def test_an_ending_is_told_with_its_own_time_and_never_takes_time_back() -> None:
    early = replace(COMPLETED, at=AT - timedelta(seconds=60))
    assert follow(early).status.ended_at == early.at
    assert follow(early).status.trained_s == 40.0
    before_its_start = replace(COMPLETED, at=BEGAN - timedelta(hours=1))
    assert follow(before_its_start, trained_s=5.0).status.trained_s == 5.0


def test_the_seconds_trained_add_up_over_attempts() -> None:
    status = follow(STOPPED, phase=Phase.PAUSING, trained_s=50.0).status
    assert (status.trained_s, status.attempt_started_at) == (150.0, None)
