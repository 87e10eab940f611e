from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.run.failure import Failure, FailureKind
from core.run.phase import Phase
from core.run.status import Progress, RunStatus
from streamlit_app.status_words import attempts_text, checkpoint_step, resume_text, why_text

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
KILLED = Failure(FailureKind.KILLED, "It was killed at step 57.", step=57)
SAVED = {"latest_checkpoint": "checkpoint-40", "resumable": True}


def status(phase: Phase, reason: str = "", **changes: Any) -> RunStatus:
    usual = RunStatus(
        "20261122-120000-x",
        "x",
        NOON,
        NOON,
        phase=phase,
        reason=reason,
        attempt=1,
        progress=Progress(40, 200),
    )
    return replace(usual, **changes)


@pytest.mark.parametrize(
    ("phase", "reason", "changes", "told"),
    [
        (
            Phase.PAUSING,
            "waiting for the evaluation to end (37 of 120 batches)",
            {},
            "Waiting for the evaluation to end (37 of 120 batches)",
        ),
        (
            Phase.PAUSED,
            "at step 40",
            SAVED,
            "Paused at step 40 of 200. Resume continues from there.",
        ),
        (
            Phase.PAUSED,
            "before training began",
            {"progress": Progress()},
            "Before training began. Resume starts from the beginning.",
        ),
        (
            Phase.PAUSED,
            "held back on request",
            {"attempt": 0, "progress": Progress()},
            "Held back on request. Resume puts it back into the queue.",
        ),
        (
            Phase.PAUSED,
            "held back on request",
            {**SAVED, "progress": Progress(57, 200)},
            "Held back on request. Resume continues from the checkpoint at step 40.",
        ),
        (
            Phase.PAUSED,
            "it ended before it could save: the training was killed.",
            {**SAVED, "failure": Failure(FailureKind.KILLED, "the training was killed.")},
            "It ended before it could save: the training was killed. "
            "Resume continues from the checkpoint at step 40.",
        ),
        (
            Phase.PAUSED,
            "GPU 0 is at 91 °C; goes on below 75 °C",
            {**SAVED, "held_by": "temperature"},
            "GPU 0 is at 91 °C; goes on below 75 °C.",
        ),
        (
            Phase.PAUSED,
            "outside of the training hours (22:00-07:00)",
            {"held_by": "hours"},
            "Outside of the training hours (22:00-07:00). It goes on by itself.",
        ),
        (
            Phase.QUEUED,
            "waits for GPU 0: other programs use 7.4 GiB",
            {"position": 2},
            "Number 2 in the queue · Waits for GPU 0: other programs use 7.4 GiB",
        ),
        (
            Phase.QUEUED,
            "starts again in 28 s, as attempt 2 of 3",
            {"failure": KILLED},
            "Starts again in 28 s, as attempt 2 of 3. It was killed at step 57.",
        ),
        (
            Phase.QUEUED,
            "It was killed at step 57. Attempt 2 of 3 follows.",
            {"failure": KILLED},
            "It was killed at step 57. Attempt 2 of 3 follows.",
        ),
        (Phase.RUNNING, "training 200 steps", {"gpus": (0,)}, "On GPU 0"),
        (Phase.RUNNING, "training", {"gpus": (0, 1), "retries": 1}, "On GPUs 0 and 1 · try 2"),
        (Phase.STARTING, "going on", {"attempt": 9, "retries": 2}, "Going on · try 3"),
        (Phase.FAILED, "an old record", {}, "An old record"),
        (
            Phase.FAILED,
            "killed",
            {"failure": KILLED},
            "At step 57 of 200",
        ),
        (
            Phase.FAILED,
            "killed",
            {"failure": Failure(FailureKind.KILLED, "killed"), "retries": 1},
            "Before the training began · try 2",
        ),
        (Phase.COMPLETED, "trained 200 steps", {"attempt": 2}, "Trained 200 steps"),
    ],
)
def test_a_status_says_why_it_is_so_and_what_comes_next(
    phase: Phase, reason: str, changes: dict[str, Any], told: str
) -> None:
    assert why_text(status(phase, reason, **changes)) == told


@pytest.mark.parametrize("name", ["", "checkpoint-", "checkpoint-x", "checkpoint-" + "9" * 5000])
def test_a_checkpoint_without_a_step_is_none(name: str) -> None:
    assert checkpoint_step(status(Phase.FAILED, latest_checkpoint=name, resumable=True)) is None


def test_a_checkpoint_that_cannot_be_resumed_is_not_promised() -> None:
    failed = status(Phase.FAILED, latest_checkpoint="checkpoint-40", resumable=False)
    assert resume_text(failed) == "starts from the beginning"


@pytest.mark.parametrize(
    ("attempt", "retries", "text"),
    [
        (1, 0, ""),
        (2, 0, "2 attempts"),
        (2, 1, "2 attempts, 1 of them an automatic restart"),
        (4, 2, "4 attempts, 2 of them automatic restarts"),
    ],
)
def test_attempts_are_counted(attempt: int, retries: int, text: str) -> None:
    assert attempts_text(status(Phase.FAILED, attempt=attempt, retries=retries)) == text
