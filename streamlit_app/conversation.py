"""A conversation with one model, as it is kept in the session."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.sandbox.client import DONE, FAILED
from streamlit_app.asking import Shown

USER, ASSISTANT = "user", "assistant"


@dataclass(frozen=True)
class Turn:
    """What one side said; `note` is a word about it, `reason` why it is incomplete."""

    role: str
    text: str
    note: str = ""
    reason: str = ""


def answer_turn(shown: Shown) -> Turn:
    """An ended answer as a turn."""
    speed = f"{shown.tokens_per_second:.0f} tokens per second" if shown.tokens_per_second else ""
    if shown.state == FAILED:
        return Turn(ASSISTANT, shown.text, reason=shown.reason)
    stopped = "" if shown.state == DONE else "stopped"
    note = ", ".join(part for part in (stopped, speed) if part)
    return Turn(ASSISTANT, shown.text, note)


def messages(turns: Sequence[Turn]) -> list[dict[str, str]]:
    """What the model is told: every question with an answer, and the newest question."""
    told: list[dict[str, str]] = []
    for turn in turns:
        if turn.role == USER and told and told[-1]["role"] == USER:
            # It was never answered; two questions in a row break most chat templates.
            told.pop()
        if turn.text:
            told.append({"role": turn.role, "content": turn.text})
    return told
