"""All runs at a glance: what trains, what waits, what needs help, what ended last.

What is not drawn anew each second is a value here, so that a look tells whether anything changed.
"""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from pathlib import Path

from core.clock import now
from core.paths import Workspace
from core.run.phase import LIVE, Phase, Verb
from core.run.status import elapsed_s
from core.run.store import Rejected, Run
from streamlit_app import card_words, session
from streamlit_app.display import ago_text, duration_text, loss_text
from streamlit_app.forecast_words import round_soon, start_text
from streamlit_app.queue_forecast import look_ahead
from streamlit_app.run_index import ended_at

LAST_FINISHED = 5
HELP_FOR = timedelta(days=1)
MAX_FAILED = 3
"""So many failures are put on top, for so long; after that they are among what ended."""

Asked = tuple[Verb, ...]
"""What was wished of a run and has not been answered yet."""


@dataclass(frozen=True)
class Place:
    """A run in the queue: its place, what was asked of it, and when it starts, in words."""

    run: Run
    number: int
    asked: Asked
    starts: str


@dataclass(frozen=True)
class Living:
    """A run that is under way, what was asked of it, and what it is, in words."""

    run_id: str
    phase: Phase
    asked: Asked
    about: str
    run: Run = field(compare=False)


@dataclass(frozen=True)
class Resting:
    """A run that failed or stands still, and what was asked of it."""

    run: Run
    asked: Asked


@dataclass(frozen=True)
class Ended:
    """A run that ended, with its best loss, how long it took and when, in words."""

    run: Run
    facts: str


@dataclass(frozen=True)
class Overview:
    """Two are equal where the same is to be seen, but for how far the living runs are."""

    live: tuple[Living, ...]
    queue: tuple[Place, ...]
    paused: tuple[Resting, ...]
    needing: tuple[Resting, ...]
    finished: tuple[Ended, ...]
    dropped: tuple[Path, ...]
    rejected: tuple[Rejected, ...]

    @property
    def revision(self) -> str:
        """Another one whenever the page has to be drawn anew."""
        return f"{hash(self):x}"

    @property
    def is_empty(self) -> bool:
        """Whether nobody has asked for anything yet."""
        seen = (self.live, self.queue, self.paused, self.needing, self.finished)
        return not any(seen) and not self.dropped


def look(at: datetime | None = None) -> Overview:
    """Everything as of now. Threads may call it."""
    at = at or now()
    told_s = _told_s(session.workspace())
    (moving, ended), store = session.index().glance(), session.store()
    live = [run for run in moving if run.status.phase in LIVE]
    waiting = [run for run in moving if run.status.phase is Phase.QUEUED]
    waiting.sort(key=lambda run: (run.status.position or 10**6, run.run_id))
    paused = [run for run in moving if run.status.phase is Phase.PAUSED]
    failed = find_failed(ended, at)
    finished = [run for run in ended[: LAST_FINISHED + MAX_FAILED] if run not in failed]
    return Overview(
        live=tuple(map(_living, live)),
        queue=tuple(_places(ended, waiting, live, at, told_s)),
        paused=tuple(_resting(run) for run in paused if not run.status.held_by),
        needing=tuple(_resting(run) for run in [*failed, *filter(_is_held, paused)]),
        finished=tuple(Ended(run, facts_text(run, at)) for run in finished[:LAST_FINISHED]),
        dropped=tuple(store.dropped()),
        rejected=tuple(store.rejected()),
    )


def find_failed(ended: Sequence[Run], at: datetime) -> list[Run]:
    """What failed a short time ago; `ended` has the newest first, and so has the answer."""
    lately = takewhile(lambda run: at - ended_at(run) <= HELP_FOR, ended)
    failed = (run for run in lately if run.status.phase is Phase.FAILED)
    return list(islice(failed, MAX_FAILED))


def facts_text(run: Run, at: datetime) -> str:
    """`best validation loss 1.1000 · 2 min 05 s · 3 h ago`."""
    status, losses = run.status, session.index().losses(run)
    facts = []
    if losses.best_eval_loss is not None:
        facts.append(f"best validation loss {loss_text(losses.best_eval_loss)}")
    elif losses.loss is not None:
        facts.append(f"loss {loss_text(losses.loss)}")
    seconds = elapsed_s(status, status.ended_at) if status.ended_at else None
    if seconds is not None:
        facts.append(duration_text(seconds))
    return " · ".join([*facts, ago_text(ended_at(run), at)])


def _places(
    ended: Sequence[Run],
    waiting: Sequence[Run],
    live: Sequence[Run],
    at: datetime,
    told_s: MutableMapping[str, int],
) -> list[Place]:
    starts = _starts(ended, waiting, live, at, told_s) if waiting else {}
    return [
        Place(run, run.status.position or place, _asked(run), starts.get(run.run_id, ""))
        for place, run in enumerate(waiting, 1)
    ]


def _starts(
    ended: Sequence[Run],
    waiting: Sequence[Run],
    live: Sequence[Run],
    at: datetime,
    told_s: MutableMapping[str, int],
) -> dict[str, str]:
    """When each starts, in words; without a daemon none does."""
    seen = session.daemon()
    if seen is None:
        return {}
    told = look_ahead(session.index(), ended, waiting, live, seen, session.usual_settings(), at)
    names = {run.run_id: run.status.name for run in [*waiting, *live]}
    texts = {}
    for run_id, one in told.items():
        before = told_s.pop(run_id, None)
        # What could start now and does not is held by something that the daemon tells.
        soon = round_soon(one.starts_in_s, before) if one.starts_in_s else None
        if soon is not None:
            told_s[run_id] = soon
        texts[run_id] = start_text(one, soon, names)
    return texts


@lru_cache(maxsize=8)
def _told_s(workspace: Workspace) -> MutableMapping[str, int]:
    """The rounded times that were told, by run id: kept so that they do not waver."""
    return {}


def _living(run: Run) -> Living:
    about = card_words.about(run.status, session.index().summary(run))
    return Living(run.run_id, run.status.phase, _asked(run), about, run)


def _resting(run: Run) -> Resting:
    return Resting(run, _asked(run))


def _asked(run: Run) -> Asked:
    return tuple(session.store().requested(run.run_id))


def _is_held(run: Run) -> bool:
    return bool(run.status.held_by)
