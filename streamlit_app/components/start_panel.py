"""The spec as it will be dropped, what speaks against it, and the button that drops it."""

from collections.abc import Sequence

import streamlit as st

from core.errors import SpecError
from core.run.submission import submit
from core.spec.check import check_spec
from core.spec.preset import save_preset
from core.spec.run_spec import RunSpec
from streamlit_app import session
from streamlit_app.code_words import marked
from streamlit_app.display import plain

WAITING = "new_waiting"
DEFAULT_NAME = "run"
START, ICON = "Start", ":material/play_arrow:"


def check(text: str) -> tuple[RunSpec | None, str]:
    """The spec in the text, or what is wrong with it."""
    try:
        root = session.workspace().root
        return check_spec(text, DEFAULT_NAME, root, session.settings()), ""
    except SpecError as error:
        return None, str(error)


def show_disabled(reason: str) -> None:
    """The button as long as there is no spec, and above it why."""
    st.error(f"**Cannot start:** {marked(reason)}")
    st.button(START, type="primary", icon=ICON, disabled=True, key="new-start")


def show(text: str, errors: Sequence[str] = ()) -> None:
    """The button, and above it why it cannot be pressed; `errors` are found already."""
    spec, problem = check(text)
    if errors:
        spec, problem = None, "\n".join([*errors, *([problem] if problem else [])])
    if problem:
        st.error(f"**Cannot start:**  \n{marked(problem)}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        pressed = st.button(
            START,
            type="primary",
            icon=ICON,
            disabled=spec is None,
            key="new-start",
        )
        _show_save(text, spec is None)
    if pressed and spec is not None:
        st.session_state[WAITING] = submit(session.store(), spec.name, text)
        st.rerun()


def _show_save(text: str, disabled: bool) -> None:
    with st.popover("Save as preset", icon=":material/bookmark_add:", disabled=disabled):
        name = st.text_input("Name of the preset", key="preset_name", max_chars=48)
        st.caption("Saved in configs/presets, to start from another time.")
        if st.button("Save", key="preset-save", disabled=not (name or "").strip()):
            try:
                path = save_preset(session.workspace(), name or "", text)
            except (OSError, SpecError) as error:
                st.error(plain(str(error)))
            else:
                st.success(f"Saved as {plain(path.stem)}.")
