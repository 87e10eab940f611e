"""Arrivals under way: how far each is, and what can be done about those that failed."""

import time

import streamlit as st

from core.clock import now
from core.dataset.arrival.arrival import AT_WORK, UNDER_WAY, Arrival, Source, State, list_arrivals
from core.dataset.arrival.arriving import cancel, discard, request_fetch
from core.dataset.arrival.outcome import Outcome
from core.dataset.card import find_dataset
from core.errors import DatasetError
from core.files import stamp
from streamlit_app import dataset_state, guard, session
from streamlit_app.code_words import marked
from streamlit_app.components import dataset_bad_rows, discard_button
from streamlit_app.dataset_words import bad_text, progress_text, stage_text
from streamlit_app.display import bytes_text, plain, rows_text

POLL_S = 1.0
QUIET_S = 30.0
"""An upload from which nothing has come for so long has broken off."""

Marks = tuple[tuple[str, State | str, bool], ...]
"""Which arrivals are where, and what is asked: the page is drawn anew when that changes."""


def show() -> None:
    """Every arrival that there is something to say about; live while something moves."""
    arrivals = list_arrivals(session.workspace())
    is_moving = any(one.state in UNDER_WAY for one in arrivals)
    if is_moving or any(map(_is_shown, arrivals)):
        st.fragment(run_every=POLL_S if is_moving else None)(_show_all)(_marks(arrivals))


def welcome() -> None:
    """Tell of the datasets that this session waited for, and open the latest."""
    workspace = session.workspace()
    for arrival in list_arrivals(workspace):
        if arrival.state is not State.DONE or not dataset_state.is_awaited(arrival.id):
            continue
        validation_id = dataset_state.stop_waiting(arrival.id)
        if validation_id:
            discard(workspace, validation_id)
        if arrival.outcome:
            _welcome(arrival.outcome)


def _welcome(outcome: Outcome) -> None:
    dataset = find_dataset(session.workspace(), outcome.dataset)
    if dataset is None:
        return
    told = f"Added {dataset.name} with {rows_text(dataset.rows)}"
    if dataset.validation_rows:
        told += f", and {rows_text(dataset.validation_rows)} set aside for validation"
    if outcome.bad_rows:
        told += f"; {bad_text(outcome.bad_rows)} left out"
    dataset_state.tell(f"{told}.")
    dataset_state.choose(dataset.name)


def can_be_mapped(arrival: Arrival) -> bool:
    """Whether its rows can be looked at and an import be asked for."""
    return arrival.has_data and arrival.state not in UNDER_WAY and arrival.state is not State.DONE


def _is_shown(arrival: Arrival) -> bool:
    if arrival.state is State.DONE or _is_mapped(arrival):
        return False
    return arrival.state is not State.RECEIVING or _has_broken_off(arrival)


def _is_mapped(arrival: Arrival) -> bool:
    return arrival.id == dataset_state.mapped() and can_be_mapped(arrival)


def _has_broken_off(arrival: Arrival) -> bool:
    """Whether nothing has come for a while of what a browser was to send."""
    changed_ns, _, _ = stamp(arrival.paths.part)
    began_s = changed_ns / 1e9 or arrival.at.timestamp()
    return time.time() - began_s > QUIET_S


def _marks(arrivals: list[Arrival]) -> Marks:
    asked = (discard_button.confirming(), "", False)
    return (asked, *((one.id, one.state, _is_shown(one)) for one in arrivals))


@guard.shown()
def _show_all(marks: Marks) -> None:
    arrivals = list_arrivals(session.workspace())
    if _marks(arrivals) != marks:
        st.rerun()
    for arrival in filter(_is_shown, arrivals):
        with st.container(border=True, key=f"arrival-{arrival.id}"):
            _show_one(arrival)


def _show_one(arrival: Arrival) -> None:
    if arrival.state in UNDER_WAY:
        _show_moving(arrival)
    elif arrival.state is State.FAILED and arrival.outcome:
        _show_failed(arrival, arrival.outcome)
    else:
        _show_resting(arrival)


def _show_resting(arrival: Arrival) -> None:
    """What lies there until somebody decides."""
    name = f"**{plain(arrival.file_name)}**"
    if arrival.state is State.RECEIVING:
        text = (
            f":material/cloud_off: The upload of {name} broke off at "
            f"{bytes_text(arrival.received_bytes)} of {bytes_text(arrival.total_bytes)}. "
            "Choose the file once more to upload it."
        )
    elif arrival.state is State.CANCELLED:
        text = f":material/block: {name} was cancelled."
    else:
        text = f":material/draft: {name} is here, and waits to be told what its rows are."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(text, width="stretch")
        _show_buttons(arrival)


def _show_moving(arrival: Arrival) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(arrival.file_name)}**", width="stretch")
        st.button(
            "Cancelling…" if arrival.is_cancel_wanted else "Cancel",
            key=f"cancel {arrival.id}",
            icon=":material/close:",
            disabled=arrival.is_cancel_wanted,
            on_click=cancel,
            args=(session.workspace(), arrival.id),
        )
    if session.daemon() is None:
        st.caption(":material/hourglass: Waits for the daemon, which is not running.")
        return
    progress = arrival.progress
    if arrival.state not in AT_WORK or progress is None:
        st.caption(":material/hourglass: Waits for its turn.")
        return
    fraction = progress.fraction
    st.progress(0.0 if fraction is None else fraction, text=f"{stage_text(progress.stage)}…")
    told = progress_text(progress, now())
    if told:
        st.caption(told)


def _show_failed(arrival: Arrival, outcome: Outcome) -> None:
    if outcome.same_as:
        _show_same(arrival, outcome)
        return
    st.error(
        f"**{plain(arrival.file_name)}** was not added. {marked(outcome.reason)}",
        icon=":material/error:",
    )
    if outcome.bad:
        dataset_bad_rows.show(outcome.bad, outcome.bad_rows, f"bad {arrival.id}")
    with st.container(horizontal=True):
        _show_buttons(arrival)


def _show_same(arrival: Arrival, outcome: Outcome) -> None:
    """What is there already, offered instead."""
    st.warning(
        f"What is in **{plain(arrival.file_name)}** is already here as "
        f"**{plain(outcome.same_as)}**.",
        icon=":material/content_copy:",
    )
    with st.container(horizontal=True):
        st.button(
            "Use that one",
            key=f"use {arrival.id}",
            icon=":material/dataset:",
            on_click=dataset_state.use_instead,
            args=(arrival, outcome.same_as),
        )
        st.button(
            "Store it a second time…",
            key=f"map {arrival.id}",
            on_click=dataset_state.begin_mapping,
            args=(arrival.id,),
        )


def _show_buttons(arrival: Arrival) -> None:
    if can_be_mapped(arrival):
        failed = arrival.state is State.FAILED
        st.button(
            "Try again with other choices" if failed else "Choose what its rows are",
            key=f"map {arrival.id}",
            icon=":material/tune:",
            on_click=dataset_state.begin_mapping,
            args=(arrival.id,),
        )
    elif arrival.source is Source.HUB:
        st.button(
            "Fetch it again",
            key=f"fetch {arrival.id}",
            icon=":material/refresh:",
            on_click=_fetch,
            args=(arrival.id,),
        )
    discard_button.show(arrival)


def _fetch(arrival_id: str) -> None:
    try:
        request_fetch(session.workspace(), arrival_id)
    except (DatasetError, OSError) as error:
        dataset_state.refuse(error)
