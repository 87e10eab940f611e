"""When a run is worth telling of, and in which words: decided from its status alone."""

from dataclasses import dataclass
from datetime import datetime

from core.clock import to_text
from core.run.failure import TRANSIENT, FailureKind
from core.run.phase import Phase
from core.run.status import RunStatus, elapsed_s
from core.secret import mask

COMPLETED, FAILED, CANCELLED, NEEDS_HELP = "completed", "failed", "cancelled", "needs_help"

HELD_FOR_S = {"disk": 0.0, "temperature": 600.0}
"""How long a guard may hold a run before somebody is told. A full disk does not mend itself, a GPU
mostly cools down; the training hours come by themselves, so nobody is told of them."""

OUT_OF_RETRIES = TRANSIENT | {FailureKind.SAME_STEP, FailureKind.NO_CHECKPOINT}
"""Failures after which the run was started again until there was no more use in it."""

MAX_NAME, MAX_REASON = 80, 600
MINUTE_S, HOUR_S = 60, 3600


@dataclass(frozen=True)
class News:
    """That something became of a run. `kinds` are what it counts as, the first says it best."""

    run_id: str
    kinds: tuple[str, ...]
    title: str
    body: str
    at: datetime

    @property
    def news_id(self) -> str:
        """The same for the same news, whoever finds it and when."""
        return f"{self.run_id}-{self.kinds[0]}-{to_text(self.at).translate(_DIGITS_ONLY)}"


_DIGITS_ONLY = str.maketrans("", "", "-:TZ.")


def find_news(status: RunStatus, at: datetime, loss: float | None = None) -> News | None:
    """What there is to tell of the run as it stands; None when nothing."""
    kinds = kinds_of(status, at)
    if not kinds:
        return None
    title = title_of(status, kinds[0])
    return News(status.run_id, kinds, title, body_of(status, loss), status.since)


def kinds_of(status: RunStatus, at: datetime) -> tuple[str, ...]:
    """What the run's state counts as among what people may want to be told."""
    if status.phase is Phase.COMPLETED:
        return (COMPLETED,)
    if status.phase is Phase.CANCELLED:
        return (CANCELLED,)
    if status.phase is Phase.FAILED:
        is_given_up = status.failure is not None and status.failure.kind in OUT_OF_RETRIES
        return (NEEDS_HELP, FAILED) if is_given_up else (FAILED,)
    if status.phase is Phase.PAUSED and status.held_by in HELD_FOR_S:
        held_s = (at - status.since).total_seconds()
        return (NEEDS_HELP,) if held_s >= HELD_FOR_S[status.held_by] else ()
    return ()


def title_of(status: RunStatus, kind: str) -> str:
    """`poems completed`, `poems needs help`."""
    words = {CANCELLED: "was cancelled", NEEDS_HELP: "needs help"}
    if kind == NEEDS_HELP and status.phase is Phase.FAILED:
        return f"{one_line(status.name, MAX_NAME)} failed and is not tried again"
    return f"{one_line(status.name, MAX_NAME)} {words.get(kind, kind)}"


def body_of(status: RunStatus, loss: float | None) -> str:
    """Why, how far it came, with which loss, in how much time; no secrets."""
    reason = one_line(mask(status.reason), MAX_REASON)
    facts = []
    if status.progress.total_steps:
        facts.append(f"step {status.progress.step:,} of {status.progress.total_steps:,}")
    if loss is not None:
        facts.append(f"loss {loss:.4f}")
    seconds = elapsed_s(status, status.ended_at or status.since)
    if seconds is not None and seconds >= 0:
        facts.append(f"trained for {time_text(seconds)}")
    lines = [f"{reason[:1].upper()}{reason[1:]}", ", ".join(facts).capitalize()]
    return "\n".join(line for line in lines if line) or "No reason was left."


def time_text(seconds: float) -> str:
    """`42 s`, `5 min`, `3 h 12 min`."""
    whole = round(seconds)
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min"
    return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02d} min"


def one_line(text: str, length: int) -> str:
    """The text in one line without what is not printed, cut to the length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
