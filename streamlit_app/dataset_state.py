"""What the dataset desk remembers: the dataset that is open, the arrival whose rows are mapped.

Both stand in the address too, so that a reload or a link finds them.
"""

import streamlit as st

from core.dataset.arrival.arrival import Arrival
from core.dataset.arrival.arriving import discard
from core.errors import DatasetError
from streamlit_app import session

DATASET, ARRIVAL, TAB = "dataset", "arrival", "tab"
"""In the address: `?dataset=<name>&tab=learned`, `?arrival=<id>`."""

NOTICE = "dataset_notice"
REFUSED = "dataset_refused"
DELETED = "dataset_deleted"
VERSION_OF = "dataset_version_of"

_CHOSEN = "dataset_chosen"
_MAPPED = "dataset_mapped"
_AWAITED = "dataset_awaited"


def follow_address() -> None:
    """Take over what the address names; without, go on where this session was."""
    for name, key in ((DATASET, _CHOSEN), (ARRIVAL, _MAPPED)):
        if name in st.query_params:
            st.session_state[key] = st.query_params[name]
        elif st.session_state.get(key):
            st.query_params[name] = st.session_state[key]


def chosen() -> str:
    """The dataset that is open; empty when none is."""
    return str(st.session_state.get(_CHOSEN, ""))


def choose(name: str) -> None:
    """Open a dataset, or none."""
    _keep(DATASET, _CHOSEN, name)


def mapped() -> str:
    """The arrival whose rows are being mapped; empty when there is none."""
    return str(st.session_state.get(_MAPPED, ""))


def begin_mapping(arrival_id: str) -> None:
    """Turn to an arrival; what was asked of it is forgotten."""
    _keep(ARRIVAL, _MAPPED, arrival_id)


def end_mapping() -> None:
    """Turn away from the arrival; it stays where it is."""
    _keep(ARRIVAL, _MAPPED, "")


def wait_for(arrival_id: str, validation_id: str = "") -> None:
    """Welcome the dataset that the arrival becomes; the other one is used up then."""
    st.session_state.setdefault(_AWAITED, {})[arrival_id] = validation_id


def is_awaited(arrival_id: str) -> bool:
    """Whether this session asked for the import."""
    return arrival_id in st.session_state.get(_AWAITED, {})


def stop_waiting(arrival_id: str) -> str:
    """It has been welcomed, or will not come; the arrival with its validation rows, if any."""
    return str(st.session_state.get(_AWAITED, {}).pop(arrival_id, ""))


def throw_away(arrival: Arrival) -> None:
    """Discard the arrival; for a button."""
    try:
        discard(session.workspace(), arrival.id)
    except DatasetError as error:
        refuse(error)
        return
    stop_waiting(arrival.id)
    if mapped() == arrival.id:
        end_mapping()


def use_instead(arrival: Arrival, name: str) -> None:
    """Discard the arrival, and open the dataset that holds the same; for a button."""
    throw_away(arrival)
    choose(name)


def forget_version() -> None:
    """What comes is no version of anything."""
    st.session_state.pop(VERSION_OF, None)


def forget_version_of(name: str) -> None:
    """There is no dataset of this name any more, so nothing can be a version of it."""
    if st.session_state.get(VERSION_OF) == name:
        forget_version()


def refuse(error: Exception) -> None:
    """Say at the top of the page why something was not done."""
    st.session_state[REFUSED] = str(error)


def tell(text: str) -> None:
    """Say at the top of the page what was done."""
    st.session_state[NOTICE] = text


def _keep(name: str, key: str, value: str) -> None:
    st.session_state[key] = value
    if value:
        st.query_params[name] = value
    elif name in st.query_params:
        del st.query_params[name]
