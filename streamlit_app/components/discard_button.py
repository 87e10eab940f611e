"""Throwing an arrival away: with a question first where something would be lost."""

import streamlit as st

from core.dataset.arrival.arrival import Arrival, Source, find_arrival
from streamlit_app import dataset_state, session
from streamlit_app.display import bytes_text

ICON = ":material/delete:"
CONFIRMING = "discard_to_confirm"
"""Where it is kept which arrival a person is being asked about."""


def show(arrival: Arrival) -> None:
    """The button. What lies elsewhere stays there, so that needs no question."""
    stays = arrival.source in (Source.PATH, Source.FOLDER)
    st.button(
        "Discard",
        key=f"discard {arrival.id}",
        icon=ICON,
        help="The file stays where it is." if stays else None,
        on_click=dataset_state.throw_away if stays else _ask,
        args=(arrival,),
    )


def confirming() -> str:
    """The arrival that a person is being asked about; empty when there is none."""
    return str(st.session_state.get(CONFIRMING, ""))


def show_question() -> None:
    """The question, as long as nobody answered; for the page itself, not a part that is redrawn."""
    arrival = find_arrival(session.workspace(), confirming())
    if arrival is None:
        _answered()
    else:
        _confirm(arrival)


def _ask(arrival: Arrival) -> None:
    st.session_state[CONFIRMING] = arrival.id


def _answered() -> None:
    st.session_state.pop(CONFIRMING, None)


@st.dialog("Discard this file?", icon=ICON, on_dismiss=_answered)
def _confirm(arrival: Arrival) -> None:
    st.text(arrival.file_name)
    size = bytes_text(arrival.received_bytes)
    again = "fetched" if arrival.source is Source.HUB else "uploaded"
    st.markdown(f"{size} on this machine are lost, and would have to be {again} again.")
    with st.container(horizontal=True):
        clicked = st.button("Discard it", key="discard-really", on_click=_discard, args=(arrival,))
        # What loses nothing is the one that stands out.
        if st.button("Keep it", type="primary", on_click=_answered) or clicked:
            st.rerun()


def _discard(arrival: Arrival) -> None:
    _answered()
    dataset_state.throw_away(arrival)
