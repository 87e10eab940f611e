"""What can be done with a run."""

import streamlit as st

from core.run.phase import FINISHED, Phase, Verb
from core.run.store import Run
from core.run.verbs import ran_out_of_gpu_memory
from streamlit_app import session
from streamlit_app.batch import next_halving
from streamlit_app.components import verb_button
from streamlit_app.components.verb_button import Weight
from streamlit_app.display import VERB_ICONS, VERB_WORDS, plain
from streamlit_app.run_config import load_config
from streamlit_app.run_offer import Offer

CONFIRMING = "cancel to confirm"
"""Where it is kept which run a person is being asked about."""

VERBS = (Verb.RESUME, Verb.PAUSE, Verb.CHECKPOINT, Verb.SHRINK, Verb.RETRY)
"""In the order of the buttons; cancelling comes last, and asks first."""


def show(run: Run, offer: Offer) -> None:
    """The buttons that apply, and the ways to go on from here."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if Verb.CANCEL not in offer.asked:
            _show_verbs(run, offer)
        _show_cancel(run, offer)
        _show_links(run, offer)
    if run.status.phase is Phase.FAILED and ran_out_of_gpu_memory(run.status):
        st.caption(plain(shrink_text(run)))


def shrink_text(run: Run) -> str:
    """What halving the batch makes of it."""
    changes = next_halving(load_config(run), run.status.shrinks)
    if not changes:
        return "A micro_batch_size of 1 cannot be halved. A smaller sequence_len needs less memory."
    return (
        f"Half the batch: {', '.join(changes)}. Less memory, and as many rows per step as before."
    )


def _show_verbs(run: Run, offer: Offer) -> None:
    # Still there while it pauses: the next button must not slide under a second click.
    under_way = {Verb.PAUSE} if offer.phase is Phase.PAUSING else set()
    for verb in VERBS:
        if verb in offer.verbs | under_way:
            # What a guard holds goes on by itself.
            is_next = verb is Verb.RESUME and not run.status.held_by
            weight: Weight = "primary" if is_next else "secondary"
            verb_button.show(run.status, verb, offer.asked, weight)


def _show_cancel(run: Run, offer: Offer) -> None:
    if Verb.CANCEL not in offer.verbs:
        _answered()
        return
    if Verb.CANCEL in offer.asked:
        label = f"{VERB_WORDS[Verb.CANCEL]}…"
        st.button(label, disabled=True, icon=":material/hourglass_top:")
        return
    if st.button("Cancel", icon=VERB_ICONS[Verb.CANCEL]):
        st.session_state[CONFIRMING] = run.run_id
    # Asked again as long as nobody answered: a new phase draws the whole page anew.
    if st.session_state.get(CONFIRMING) == run.run_id:
        confirm_cancel(run)


def _show_links(run: Run, offer: Offer) -> None:
    if offer.has_weights:
        st.page_link(
            session.SANDBOX_PAGE,
            label="**Chat with it**",
            icon=":material/chat:",
            query_params={"run": run.run_id},
        )
    if run.status.started_at:
        st.page_link(
            session.COMPARE_PAGE,
            label="**Compare**",
            icon=":material/compare_arrows:",
            query_params={"runs": run.run_id},
        )
    if run.status.phase in FINISHED:
        st.page_link(
            session.NEW_RUN_PAGE,
            label="**Change and run again**",
            icon=":material/replay:",
            query_params={"from": run.run_id},
        )


def _answered() -> None:
    st.session_state.pop(CONFIRMING, None)


@st.dialog("Cancel this run?", icon=":material/block:", on_dismiss=_answered)
def confirm_cancel(run: Run) -> None:
    """Asks once more, for a cancelled run does not go on."""
    st.markdown(f"**{plain(run.status.name)}** {_consequence(run)}")
    with st.container(horizontal=True):
        clicked = st.button("Cancel the run", on_click=_request_cancel, args=(run,))
        # What loses nothing is the one that stands out.
        if st.button("Keep it", type="primary", on_click=_answered) or clicked:
            st.rerun()


def _request_cancel(run: Run) -> None:
    _answered()
    session.ask(run.run_id, Verb.CANCEL)


def _consequence(run: Run) -> str:
    if run.status.phase is Phase.QUEUED:
        return "leaves the queue."
    return "stops for good. Checkpoints that are saved stay."
