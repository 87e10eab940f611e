"""A button that asks the daemon to do something to a run."""

from collections.abc import Collection
from typing import Literal

import streamlit as st

from core.run.phase import Phase, Verb
from core.run.status import RunStatus
from streamlit_app import session
from streamlit_app.display import VERB_ICONS, VERB_WORDS, sentence
from streamlit_app.status_words import resume_text

LABELS = {
    Verb.PAUSE: "Pause",
    Verb.RESUME: "Resume",
    Verb.CHECKPOINT: "Checkpoint now",
    Verb.RETRY: "Retry",
    Verb.SHRINK: "Halve the batch and retry",
}

Weight = Literal["primary", "secondary", "tertiary"]


def show(
    status: RunStatus, verb: Verb, asked: Collection[Verb], weight: Weight = "secondary"
) -> None:
    """The button; once clicked it says what is under way, until the daemon has answered."""
    label, doing = words(status, verb)
    is_asked = verb in asked or (verb is Verb.PAUSE and status.phase is Phase.PAUSING)
    st.button(
        f"{doing}…" if is_asked else label,
        key=f"{verb} {status.run_id}",
        icon=":material/hourglass_top:" if is_asked else VERB_ICONS[verb],
        help=hint(status, verb),
        type=weight,
        disabled=is_asked,
        on_click=session.ask,
        args=(status.run_id, verb),
    )


def words(status: RunStatus, verb: Verb) -> tuple[str, str]:
    """What the button says before and after the click."""
    if verb is Verb.PAUSE and status.phase is Phase.QUEUED:
        return "Hold back", "Holding back"
    if verb is Verb.RETRY and status.phase is Phase.QUEUED:
        return "Retry now", VERB_WORDS[verb]
    return LABELS[verb], VERB_WORDS[verb]


def hint(status: RunStatus, verb: Verb) -> str:
    """What a click will do, in a sentence."""
    if verb is Verb.PAUSE and status.phase is Phase.QUEUED:
        return "Keeps it from starting until it is resumed."
    if verb is Verb.PAUSE:
        return "Saves a checkpoint, stops, and frees the GPU."
    if verb is Verb.CHECKPOINT:
        return "Saves a checkpoint after this step; the training goes on."
    return f"{sentence(resume_text(status))}."
