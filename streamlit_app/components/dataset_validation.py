"""What is set aside of a dataset, to see whether a model learned more than its rows by heart."""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from core.dataset.arrival.arrival import Arrival, State, list_arrivals
from core.dataset.making.choices import DEFAULT_SEED, Choices
from streamlit_app import session
from streamlit_app.components import dataset_source
from streamlit_app.display import bytes_text

NONE, PART, ROWS, FILE = "None", "A part", "Rows", "Another file"
HELP = (
    "Rows the model never trains on. 5 to 10 % is usual; with none, a run can still set rows aside "
    "itself. Rows that say the same are always on the same side."
)
SEED_HELP = "The same rows and the same seed are always split alike."


def choose(arrival: Arrival, choices: Choices) -> tuple[Choices, str]:
    """The choices with what is set aside; and a sentence on what is still to be chosen, if any."""
    way = st.segmented_control(
        "Validation",
        [NONE, PART, ROWS, FILE],
        default=NONE,
        required=True,
        key=f"import_aside_{arrival.id}",
        help=HELP,
        persist_state="session",
    )
    if way == FILE:
        held = _choose_file(arrival)
        missing = "" if held else "choose the file with the validation rows"
        return replace(choices, validation_arrival=held), missing
    if way == NONE or way is None:
        return choices, ""
    amount, seed = st.columns(2)
    with amount:
        validation = _choose_part(arrival.id) if way == PART else _choose_rows(arrival.id)
    with seed:
        chosen = st.number_input(
            "Seed",
            min_value=0,
            value=DEFAULT_SEED,
            step=1,
            key=f"import_seed_{arrival.id}",
            help=SEED_HELP,
            persist_state="session",
        )
    return replace(choices, validation=validation, seed=int(chosen or 0)), ""


def _choose_part(arrival_id: str) -> float:
    percent = st.number_input(
        "Part of the rows (%)",
        min_value=0.1,
        max_value=50.0,
        value=10.0,
        step=1.0,
        format="%g",
        key=f"import_percent_{arrival_id}",
        persist_state="session",
    )
    return round((percent or 10.0) / 100, 6)


def _choose_rows(arrival_id: str) -> float:
    rows = st.number_input(
        "Rows",
        min_value=1,
        value=100,
        step=10,
        key=f"import_rows_{arrival_id}",
        persist_state="session",
    )
    return float(rows or 1)


def _choose_file(arrival: Arrival) -> str:
    """Another arrival, which may be brought here for this; its id, or nothing yet."""
    key = f"import_held_{arrival.id}"
    others = {
        one.id: one
        for one in list_arrivals(session.workspace())
        if one.id != arrival.id and one.has_data and one.state is State.READY
    }
    _choose_brought(key, others)
    with st.container(border=True):
        chosen = st.selectbox(
            "File with the validation rows",
            list(others),
            index=None,
            format_func=lambda name: _label(others[name]),
            key=key,
            placeholder="Choose one, or bring it here below",
            help="It is read in the same format. Rows that stand in both files are left out of it.",
            persist_state="session",
        )
        if chosen is None:
            dataset_source.show(f"held_{arrival.id}", lambda held: _bring(key, held))
    return chosen or ""


def _choose_brought(key: str, others: Mapping[str, Arrival]) -> None:
    """Choose what was brought here for this as soon as it is whole; forget what is gone."""
    brought = st.session_state.get(f"{key}_brought")
    if brought in others:
        st.session_state[key] = st.session_state.pop(f"{key}_brought")
    elif st.session_state.get(key) not in others:
        st.session_state[key] = None


def _bring(key: str, arrival_id: str) -> None:
    # Not into the field itself: that has been drawn already.
    st.session_state[f"{key}_brought"] = arrival_id


def _label(arrival: Arrival) -> str:
    size = arrival.received_bytes
    return f"{arrival.file_name} ({bytes_text(size)})" if size else arrival.file_name
