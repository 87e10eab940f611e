"""The conversations of one browser tab, kept by the server so that a reload finds them again."""

import secrets
import threading
from dataclasses import dataclass, field

import streamlit as st

from core.paths import Workspace
from streamlit_app.asking import Asking, Shown
from streamlit_app.conversation import Turn, answer_turn

PARAMETER = "chat"
MAX_KEPT = 50
MAX_ID_LENGTH = 40


@dataclass
class Conversations:
    """What was said in each conversation, and what is being answered."""

    turns: dict[str, list[Turn]] = field(default_factory=dict)
    asking: dict[str, Asking] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def turns_of(self, name: str) -> list[Turn]:
        """What was said in the conversation of that name."""
        return self.turns.setdefault(name, [])

    def advance(self, name: str, workspace: Workspace) -> Shown | None:
        """Move the answer on; None when it is done, and a turn like the others."""
        # Two tabs with the same address are two threads.
        with self.lock:
            asking = self.asking.get(name)
            if asking is None:
                return None
            shown = asking.advance(workspace)
            if not shown.is_ended:
                return shown
            self.turns_of(name).append(answer_turn(shown))
            del self.asking[name]
            return None

    def clear(self, name: str, workspace: Workspace) -> None:
        """Forget the conversation, and stop the answer that is being written."""
        with self.lock:
            asking = self.asking.pop(name, None)
            self.turns.pop(name, None)
        if asking is not None:
            asking.stop(workspace)


def current() -> Conversations:
    """Those of this tab: named in the address, so that they outlive a reload."""
    named = st.query_params.get(PARAMETER, "")
    if not named or len(named) > MAX_ID_LENGTH:
        named = st.session_state.get(PARAMETER) or secrets.token_urlsafe(9)
    st.session_state[PARAMETER] = named
    st.query_params[PARAMETER] = named
    return _conversations(named)


@st.cache_resource(max_entries=MAX_KEPT, show_spinner=False)
def _conversations(chat_id: str) -> Conversations:
    return Conversations()
