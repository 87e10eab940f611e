"""Whom notices go to: the addresses, masked, each with a test, and a field for one more."""

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from core.clock import now
from core.notice.address import key_of, masked
from streamlit_app import guard, notice_state, session
from streamlit_app.code_words import marked
from streamlit_app.notice_state import Trial
from streamlit_app.notice_words import (
    EXAMPLES,
    MORE,
    WAITING,
    WAITING_LONG,
    examples_text,
    outcome_text,
)

PART = "notify"
POLL_S = 0.5
NONE_YET = "No address yet, so nobody is told anything outside of this app."


def show(addresses: Sequence[str]) -> None:
    """The list, the field, and how addresses look."""
    if not addresses:
        st.caption(NONE_YET)
    for address, name in zip(addresses, names(addresses), strict=True):
        _show_one(address, name)
    _show_field()
    with st.expander("How an address looks", icon=":material/help:", expanded=not addresses):
        st.markdown(examples_text())
        st.markdown(f"[All services and what follows their scheme]({MORE})")
    _show_question(addresses)


def names(addresses: Sequence[str]) -> list[str]:
    """The addresses as they may be shown; those that look the same are numbered."""
    shown = [masked(address) for address in addresses]
    totals, so_far = Counter(shown), Counter[str]()
    told = []
    for name in shown:
        so_far[name] += 1
        told.append(f"`{name}` {so_far[name]}" if totals[name] > 1 else f"`{name}`")
    return told


def _show_one(address: str, name: str) -> None:
    key = key_of(address)
    trial = notice_state.trials().get(key)
    answer = trial.answer() if trial else None
    with st.container(border=True, gap="small", key=f"address-{key}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(name, width="stretch")
            _show_buttons(address, is_waiting=trial is not None and answer is None)
        if answer is not None:
            color, icon = ("green", "check") if answer.is_sent else ("red", "error")
            st.markdown(f":{color}[:material/{icon}:] {outcome_text(answer, now())}")
        elif trial is not None:
            _wait(trial)


def _show_buttons(address: str, is_waiting: bool) -> None:
    key = key_of(address)
    with st.container(horizontal=True, width="content"):
        st.button(
            "Send a test",
            key=f"test {key}",
            icon=":material/send:",
            disabled=is_waiting,
            on_click=notice_state.send_test,
            args=(address,),
        )
        st.button(
            "Remove",
            key=f"remove {key}",
            icon=":material/delete:",
            on_click=notice_state.ask_removal,
            args=(key,),
        )


@st.fragment(run_every=POLL_S)
@guard.shown()
def _wait(trial: Trial) -> None:
    if trial.answer() is not None:
        st.rerun()
    if session.daemon() is None:
        st.caption(":material/power_off: The daemon has stopped; the test is sent if it is back.")
    else:
        st.caption(WAITING if trial.age_s < notice_state.LONG_S else WAITING_LONG)


def _show_field() -> None:
    with (
        st.form("add address", border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        st.text_input(
            "Address to be told at",
            key=notice_state.NEW,
            placeholder=EXAMPLES[0].address,
            autocomplete="off",
            width="stretch",
        )
        st.form_submit_button("Add", icon=":material/add:", on_click=notice_state.add)
    if refusal := notice_state.take_refusal(PART):
        st.error(marked(refusal))


def _show_question(addresses: Sequence[str]) -> None:
    """The question before a removal, as long as nobody answered."""
    key = str(st.session_state.get(notice_state.REMOVING, ""))
    found = [
        name
        for address, name in zip(addresses, names(addresses), strict=True)
        if key_of(address) == key
    ]
    if found:
        _confirm(key, found[0])
    else:
        notice_state.forget_removal()


@st.dialog("Remove this address?", icon=":material/delete:", on_dismiss=notice_state.forget_removal)
def _confirm(key: str, name: str) -> None:
    st.markdown(name)
    st.markdown(
        "Nothing is sent to it any more. It is not shown anywhere in full, so to have it back you "
        "would have to enter it again."
    )
    with st.container(horizontal=True):
        clicked = st.button(
            "Remove it", key="remove-really", on_click=notice_state.remove, args=(key,)
        )
        # What loses nothing is the one that stands out.
        if st.button("Keep it", type="primary", on_click=notice_state.forget_removal) or clicked:
            st.rerun()
