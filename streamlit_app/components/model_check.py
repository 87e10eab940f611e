"""What the daemon finds out about a base model: its kind, its size, how it writes a chat."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.errors import SpecError
from core.model_check import is_outdated, read_check, request_check
from streamlit_app import guard, session
from streamlit_app.display import UNKNOWN, count_text, plain, sentence

ASKED = "model_check_asked"
POLL_S = 0.5


def ask(base_model: str) -> dict[str, Any] | None:
    """The answer for this base model; asks for one when another was chosen. None while it waits."""
    workspace = session.workspace()
    try:
        if st.session_state.get(ASKED) != base_model:
            found = read_check(workspace, base_model)
            if not found or not found.get("ok") or is_outdated(workspace, base_model, found):
                request_check(workspace, base_model)
            st.session_state[ASKED] = base_model
        return read_check(workspace, base_model)
    except SpecError as error:
        return {"ok": False, "reason": str(error)}


def show(base_model: str, found: Mapping[str, Any] | None) -> None:
    """The answer, or that it is waited for; never holds up the page."""
    if found is None:
        _wait(base_model)
    elif found.get("ok"):
        _show_found(found)
    else:
        st.warning(plain(sentence(str(found.get("reason") or "The check failed."))))
        st.button("Check again", icon=":material/refresh:", on_click=_forget)


@st.fragment(run_every=POLL_S)
@guard.shown()
def _wait(base_model: str) -> None:
    if read_check(session.workspace(), base_model) is not None:
        st.rerun()
    if session.daemon():
        st.caption(":material/hourglass: Looking at the model and its tokenizer…")
    else:
        st.caption(":material/hourglass: The model is checked as soon as the daemon runs.")


def _show_found(found: Mapping[str, Any]) -> None:
    template = "yes" if found.get("has_chat_template") else "no"
    facts = {
        "Architecture": found.get("architecture") or found.get("model_type") or UNKNOWN,
        "Parameters": parameters_text(found.get("parameters")),
        "Context": f"{count_text(found.get('context_length'))} tokens",
        "Own chat template": template,
    }
    st.markdown(" · ".join(f"{label}: **{plain(str(value))}**" for label, value in facts.items()))
    example = found.get("example")
    if isinstance(example, dict):
        with st.expander(f"A chat as this model reads it ({example.get('tokens')} tokens)"):
            st.code(str(example.get("text")), language=None, wrap_lines=True)


def parameters_text(parameters: Any) -> str:
    """`1.1 million`, `7.2 billion`."""
    if not isinstance(parameters, int | float):
        return UNKNOWN
    if parameters < 1e9:
        return f"{parameters / 1e6:.3g} million"
    return f"{parameters / 1e9:.2g} billion"


def _forget() -> None:
    st.session_state.pop(ASKED, None)
