"""What can be done with a run now."""

from dataclasses import dataclass

from core.run.phase import Phase, Verb
from core.run.store import Run
from core.run.verbs import problem_with
from streamlit_app import session
from streamlit_app.batch import next_halving
from streamlit_app.run_config import load_config


@dataclass(frozen=True)
class Offer:
    """What the buttons stand on: where it changed, they must be drawn anew."""

    phase: Phase
    verbs: frozenset[Verb]
    asked: frozenset[Verb]
    has_weights: bool


def find_offer(run: Run) -> Offer:
    """What applies to the run now, and what was asked of it and has not been answered yet."""
    return Offer(
        phase=run.status.phase,
        verbs=frozenset(verb for verb in Verb if _applies(verb, run)),
        asked=frozenset(session.store().requested(run.run_id)),
        has_weights=run.newest_part() is not None,
    )


def _applies(verb: Verb, run: Run) -> bool:
    if problem_with(verb, run.status):
        return False
    return verb is not Verb.SHRINK or bool(next_halving(load_config(run), run.status.shrinks))
