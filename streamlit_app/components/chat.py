"""A conversation with a model: what was said, and the answer that is being written."""

import streamlit as st

from streamlit_app import conversations, guard, session
from streamlit_app.asking import Asking, Sampling
from streamlit_app.conversation import ASSISTANT, USER, Turn, messages
from streamlit_app.conversations import Conversations
from streamlit_app.display import ROLE_ICONS, plain, sentence

POLL_S = 0.2


def show(name: str, model: str, sampling: Sampling) -> None:
    """The conversation of that name, and the field for the next question to the model."""
    talk = conversations.current()
    turns, is_busy = talk.turns_of(name), name in talk.asking
    prompt = st.chat_input("Ask the model something", disabled=is_busy, key="prompt")
    if prompt and not is_busy:
        turns.append(Turn(USER, prompt))
        told = messages(turns if sampling.remembers else turns[-1:])
        talk.asking[name] = Asking(model, told, sampling)
        st.rerun()
    for turn in turns:
        _show_turn(turn)
    if is_busy:
        st.fragment(run_every=POLL_S)(_show_asking)(talk, name)
    elif not turns:
        st.caption("Nothing has been said yet. The first answer takes a little longer.")


def show_clear(name: str) -> None:
    """A button that forgets the conversation."""
    talk = conversations.current()
    st.button(
        "Clear",
        icon=":material/delete_sweep:",
        on_click=talk.clear,
        args=(name, session.workspace()),
        disabled=not talk.turns_of(name),
    )


@guard.shown()
def _show_asking(talk: Conversations, name: str) -> None:
    """The answer as far as it has come; once it has ended, it is a turn like the others."""
    asking = talk.asking.get(name)
    shown = talk.advance(name, session.workspace())
    if asking is None or shown is None:
        st.rerun()
    with st.chat_message(ASSISTANT, avatar=ROLE_ICONS[ASSISTANT]):
        if shown.note:
            st.caption(f":shimmer[{shown.note}]")
        else:
            st.text(shown.text)
    st.button(
        "Stop",
        icon=":material/stop:",
        on_click=asking.stop,
        args=(session.workspace(),),
        key="stop",
    )


def _show_turn(turn: Turn) -> None:
    with st.chat_message(turn.role, avatar=ROLE_ICONS[turn.role]):
        if turn.text:
            st.text(turn.text)
        elif not turn.reason:
            st.caption("The model said nothing.")
        if turn.note:
            st.caption(plain(sentence(turn.note)))
        if turn.reason:
            st.error(plain(sentence(turn.reason)), icon=":material/error:")
