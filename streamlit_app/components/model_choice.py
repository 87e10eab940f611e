"""Which run, and which of its weights, to talk to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from core.run.store import FINAL, Run
from core.sandbox.question import ModelName
from streamlit_app import session
from streamlit_app.display import moment_text

NEWEST, BASE = "newest", "base"


@dataclass(frozen=True)
class Choice:
    """A run, and which of its weights: `final`, `newest`, `checkpoint-<step>` or `base`."""

    run: Run
    part: str

    @property
    def model(self) -> str:
        """The name under which the sandbox knows it now."""
        return model_name(self.run, self.run.newest_part() if self.part == NEWEST else self.part)

    @property
    def talk(self) -> str:
        """The name of the conversation: it outlives the checkpoint that a training replaces."""
        return f"{self.run.run_id}/{self.part}"


def model_name(run: Run, part: str | None) -> str:
    """What the sandbox calls these weights of the run."""
    return str(ModelName(run.run_id, None if part == FINAL else part))


def show(runs: Sequence[Run]) -> Choice:
    """The run and the weights that were chosen."""
    by_id = {run.run_id: run for run in runs}
    which, weights = st.columns([3, 2])
    with which:
        run = by_id[_choose("Run", "run", list(by_id), lambda key: _run_text(by_id[key]))]
    with weights:
        return Choice(run, _choose("Weights", "weights", parts(run), part_text))


def usable(runs: Sequence[Run]) -> list[Run]:
    """The runs that left something to talk to."""
    return [run for run in runs if run.newest_part()]


def parts(run: Run) -> list[str]:
    """The weights of a run, the best first."""
    checkpoints = [f"checkpoint-{step}" for step in reversed(run.checkpoints())]
    if run.has_final():
        return [FINAL, *checkpoints, BASE]
    return [NEWEST, *checkpoints, BASE] if checkpoints else [BASE]


def part_text(part: str) -> str:
    """Weights in words."""
    words = {
        FINAL: "Final",
        NEWEST: "Newest checkpoint",
        BASE: "Base model (before training)",
    }
    return words.get(part) or part.replace("checkpoint-", "Checkpoint at step ")


def _run_text(run: Run) -> str:
    at = moment_text(run.status.ended_at or run.status.submitted_at, session.zone())
    return f"{run.status.name} · {at[:16]}"


def _choose(label: str, parameter: str, options: list[str], to_text: Callable[[str], str]) -> str:
    """A choice that stands in the address, so that it can be linked to and survives a reload."""
    key = f"sandbox {parameter}"
    wanted = st.query_params.get(parameter)
    if st.session_state.get(key) not in options:
        st.session_state[key] = wanted if wanted in options else options[0]
    chosen = st.selectbox(label, options, format_func=to_text, key=key)
    st.query_params[parameter] = chosen
    return chosen
