"""What a run's status says, in sentences. Pure: values in, texts out."""

import re
from collections.abc import Callable

from core.run.phase import Phase
from core.run.status import RunStatus
from streamlit_app.display import gpus_text, sentence, stage_text, steps_text

CHECKPOINT = re.compile(r"checkpoint-([0-9]{1,12})")


def why_text(status: RunStatus) -> str:
    """Why the run is where it is, or what it waits for."""
    if status.phase is Phase.QUEUED:
        place = f"Number {status.position} in the queue · " if status.position else ""
        return place + queue_text(status)
    if status.phase is Phase.PAUSED:
        return pause_text(status)
    if status.phase is Phase.RUNNING:
        return with_attempt(f"On {gpus_text(status.gpus)}", status)
    if status.phase is Phase.STARTING:
        return with_attempt(sentence(status.reason), status)
    if status.phase is Phase.FAILED and status.failure:
        return sentence(failed_at_text(status))
    return sentence(status.reason)


def queue_text(status: RunStatus) -> str:
    """What a waiting run waits for; of one that was ended and is to start again, also by what."""
    text = sentence(status.reason)
    if status.failure and status.failure.sentence not in text:
        return f"{_ended(text)} {status.failure.sentence}"
    return text


def pause_text(status: RunStatus) -> str:
    """Where it stopped and what Resume will do; of a guard's pause, what the guard said."""
    if status.held_by:
        text = _ended(sentence(status.reason))
        return text if "goes on" in text else f"{text} It goes on by itself."
    step = checkpoint_step(status)
    if step is not None and step >= status.progress.step and status.failure is None:
        return f"Paused at {step_text(step, status)}. Resume continues from there."
    return f"{_ended(sentence(status.reason))} Resume {resume_text(status)}."


def resume_text(status: RunStatus) -> str:
    """What a resume or a retry does."""
    if status.attempt == 0:
        return "puts it back into the queue"
    step = checkpoint_step(status)
    if step is not None:
        return f"continues from the checkpoint at step {step:,}"
    return "starts from the beginning"


def failed_at_text(status: RunStatus) -> str:
    """How far the attempt came that failed."""
    step = status.failure.step if status.failure else None
    where = "before the training began" if step is None else f"at {step_text(step, status)}"
    return with_attempt(where, status)


def progress_text(status: RunStatus, fit: Callable[[str], str] = str) -> str:
    """`Training · 420 of 1,000 steps · 42%`.

    A stage of a newer version may be any text: `fit` makes it one for where it is shown.
    """
    is_at_work = status.phase in (Phase.STARTING, Phase.RUNNING, Phase.PAUSING)
    parts = [fit(stage_text(status.stage))] if is_at_work and status.stage else []
    parts.append(steps_text(status.progress))
    if status.progress.total_steps:
        parts.append(f"{status.progress.fraction:.0%}")
    return sentence(" · ".join(parts))


def attempts_text(status: RunStatus) -> str:
    """How many attempts there were; empty when one."""
    if status.attempt <= 1:
        return ""
    word = "an automatic restart" if status.retries == 1 else "automatic restarts"
    restarts = f", {status.retries} of them {word}" if status.retries else ""
    return f"{status.attempt} attempts{restarts}"


def with_attempt(text: str, status: RunStatus) -> str:
    """The text, and which try it is, when it was tried again without anybody asking."""
    return f"{text} · try {status.retries + 1}" if status.retries else text


def step_text(step: int, status: RunStatus) -> str:
    """`step 40 of 200`."""
    total = status.progress.total_steps
    return f"step {step:,} of {total:,}" if total else f"step {step:,}"


def checkpoint_step(status: RunStatus) -> int | None:
    """The step of the checkpoint a run can go on from; None when there is none."""
    found = CHECKPOINT.fullmatch(status.latest_checkpoint)
    return int(found[1]) if found and status.resumable else None


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
