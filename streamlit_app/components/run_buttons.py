"""What can be done with a run."""

import streamlit as st

from core.run.phase import CANCELLABLE, FINISHED, Phase, Verb
from core.run.store import Run
from streamlit_app import session
from streamlit_app.display import VERB_WORDS, plain

CONFIRMING = "cancel to confirm"
"""Where it is kept which run a person is being asked about."""


def show(run: Run) -> None:
    """The buttons that apply in the run's phase."""
    asked = session.store().requested(run.run_id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if run.status.phase in CANCELLABLE:
            _show_cancel(run, asked)
        if run.newest_part():
            st.page_link(
                session.SANDBOX_PAGE,
                label="**Chat with it**",
                icon=":material/chat:",
                query_params={"run": run.run_id},
            )

        if run.status.phase in FINISHED:
            st.page_link(
                session.NEW_RUN_PAGE,
                label="**Change and run again**",
                icon=":material/replay:",
                query_params={"from": run.run_id},
            )


def _show_cancel(run: Run, asked: list[Verb]) -> None:
    if asked:
        st.button(f"{VERB_WORDS[asked[-1]]}…", disabled=True, icon=":material/hourglass_top:")
        return
    if st.button("Cancel", icon=":material/block:"):
        st.session_state[CONFIRMING] = run.run_id
    # Asked again as long as nobody answered: a new phase draws the whole page anew.
    if st.session_state.get(CONFIRMING) == run.run_id:
        confirm_cancel(run)


def _answered() -> None:
    st.session_state.pop(CONFIRMING, None)


@st.dialog("Cancel this run?", icon=":material/block:", on_dismiss=_answered)
def confirm_cancel(run: Run) -> None:
    """Asks once more, for a cancelled run does not go on."""
    st.markdown(f"**{plain(run.status.name)}** {_consequence(run)}")
    with st.container(horizontal=True):
        clicked = st.button(
            "Cancel the run",
            type="primary",
            on_click=_request_cancel,
            args=(run,),
        )
        if st.button("Keep it", on_click=_answered) or clicked:
            st.rerun()


def _request_cancel(run: Run) -> None:
    _answered()
    session.store().request(run.run_id, Verb.CANCEL)


def _consequence(run: Run) -> str:
    if run.status.phase is Phase.QUEUED:
        return "leaves the queue."
    return "stops for good. Checkpoints that are saved stay."
