"""A conversation with a model: what was said, and the answer that is being written."""

import streamlit as st

from streamlit_app import guard, session
from streamlit_app.asking import Asking, Sampling
from streamlit_app.conversation import ASSISTANT, USER, Turn, answer_turn, messages
from streamlit_app.display import plain, sentence

POLL_S = 0.2
AVATARS = {USER: ":material/person:", ASSISTANT: ":material/smart_toy:"}


def show(model: str, sampling: Sampling) -> None:
    """The conversation with one model, and the field for the next question."""
    turns, asking = turns_of(model), asking_of(model)
    prompt = st.chat_input("Ask the model something", disabled=asking is not None, key="prompt")
    if prompt and asking is None:
        turns.append(Turn(USER, prompt))
        told = messages(turns if sampling.remembers else turns[-1:])
        st.session_state["asking"][model] = Asking(model, told, sampling)
        st.rerun()
    for turn in turns:
        _show_turn(turn)
    if asking is not None:
        st.fragment(run_every=POLL_S)(_show_asking)(model)
    elif not turns:
        st.caption("Nothing has been said yet. The first answer takes a little longer.")


def show_clear(model: str) -> None:
    """A button that forgets the conversation."""
    st.button(
        "Clear",
        icon=":material/delete_sweep:",
        on_click=clear,
        args=(model,),
        disabled=not turns_of(model),
    )


def clear(model: str) -> None:
    """Forget the conversation, and stop the answer that is being written."""
    asking = asking_of(model)
    if asking is not None:
        asking.stop(session.workspace())
    st.session_state["asking"].pop(model, None)
    turns_of(model).clear()


def turns_of(model: str) -> list[Turn]:
    """What was said to and by the model in this session."""
    return st.session_state.setdefault("turns", {}).setdefault(model, [])


def asking_of(model: str) -> Asking | None:
    """The question that is being answered, if there is one."""
    return st.session_state.setdefault("asking", {}).get(model)


@guard.shown()
def _show_asking(model: str) -> None:
    """The answer as far as it has come; once it has ended, it is a turn like the others."""
    asking = asking_of(model)
    if asking is None:
        st.rerun()
    shown = asking.advance(session.workspace())
    if shown.is_ended:
        turns_of(model).append(answer_turn(shown))
        del st.session_state["asking"][model]
        st.rerun()
    with st.chat_message(ASSISTANT, avatar=AVATARS[ASSISTANT]):
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
    with st.chat_message(turn.role, avatar=AVATARS[turn.role]):
        if turn.text:
            st.text(turn.text)
        elif not turn.reason:
            st.caption("The model said nothing.")
        if turn.note:
            st.caption(plain(sentence(turn.note)))
        if turn.reason:
            st.error(plain(sentence(turn.reason)), icon=":material/error:")
