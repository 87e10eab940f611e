"""What the start of an attempt says, in words. Pure: values in, texts out."""

from core.run.phase import Stage
from streamlit_app.display import duration_text, precise_text, sentence, shorten, stage_text
from streamlit_app.start import End, Start, Warmth

WAIT = "In the queue"
BEFORE_AXIS = "before this axis"

LABELS = {
    Stage.SPAWN: "Getting a trainer",
    Stage.EVALUATING: "First evaluation",
    Stage.TRAINING: "First step",
}
"""Stages that are something else before the first step than they are later."""

HEADLINES = {
    End.OPEN: "{time} since {origin}",
    End.FIRST_STEP: "{time} from {origin} to the first step",
    End.TRAINING: "{time} from {origin} to the training",
    End.BROKEN_OFF: "Ended {time} after {origin}, before the first step",
}

WARM = "A standby took the run over."
HALF_WARM = "A standby that was still getting ready took the run over."
COLD = "A new process had to load the libraries: {reason}."
REASON_LENGTH = 240


def label_text(stage: str) -> str:
    """The stage as it is called in a start."""
    return LABELS[Stage(stage)] if stage in LABELS else stage_text(stage)


def headline_text(start: Start) -> str:
    """How long it took, and from what to what."""
    return HEADLINES[start.end].format(time=precise_text(start.total_s), origin=origin_text(start))


def origin_text(start: Start) -> str:
    """What the time is counted from."""
    if start.counted_wait_s is None:
        return "its turn"
    return "its return to the queue" if start.returned else "submit"


def why_text(start: Start) -> str:
    """Why it was warm or cold, and how long it waited before its turn; empty when nothing tells."""
    reason = shorten((start.cold or "").rstrip("."), REASON_LENGTH)
    cold = COLD.format(reason=reason)
    texts = {Warmth.WARM: WARM, Warmth.HALF_WARM: HALF_WARM, Warmth.COLD: cold}
    told = [texts[start.warmth]] if start.warmth else []
    if start.waited_s is not None and start.counted_wait_s is None:
        told.append(f"Before that it waited {duration_text(start.waited_s)} in the queue.")
    return " ".join(told)


def summary_text(start: Start | None) -> str:
    """When the first step was done, and how warm the start was; empty before it."""
    if start is None or start.end is not End.FIRST_STEP:
        return ""
    warmth = f", {start.warmth}" if start.warmth else ""
    return f"{precise_text(start.total_s)} after {origin_text(start)}{warmth}"


def warmth_text(warmth: Warmth) -> str:
    """`Warm`, `Half warm`, or `Cold`."""
    return sentence(warmth.value)
