"""What the page of the settings asks of the file and of the daemon, and what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import streamlit as st

from core.clock import now
from core.errors import SettingsError
from core.notice.address import key_of
from core.notice.request import Answer, ask_test, find_answer
from core.settings_file import add_address, remove_address, save_values
from streamlit_app import session
from streamlit_app.notice_words import DAEMON_DOWN, NO_ANSWER

NEW = "new address"
"""The key of the text field; what it holds is a secret, so it is emptied when it was taken."""

REMOVING = "address_to_remove"
REFUSED = "settings_refused"
TRIALS = "notice_trials"

LONG_S = 10.0
GIVE_UP_S = 150.0
"""The daemon itself gives a test up after two minutes."""


@dataclass(frozen=True)
class Trial:
    """A test that was asked for; its request's name is empty when there was no daemon to ask."""

    name: str
    asked_at: datetime

    def answer(self) -> Answer | None:
        """How it went; None while it is being sent."""
        if not self.name:
            return Answer(False, "", DAEMON_DOWN, "", self.asked_at)
        found = find_answer(session.workspace(), self.name)
        if found is None and self.age_s > GIVE_UP_S:
            return Answer(False, "", NO_ANSWER, "", self.asked_at)
        return found

    @property
    def age_s(self) -> float:
        return (now() - self.asked_at).total_seconds()


def trials() -> dict[str, Trial]:
    """The last test of each address, by the address's key."""
    found: dict[str, Trial] = st.session_state.setdefault(TRIALS, {})
    return found


def send_test(address: str) -> None:
    """Ask the daemon for a test; for a button."""
    workspace = session.workspace()
    try:
        name = ask_test(workspace, [address])[0] if session.daemon() else ""
    except OSError as error:
        refuse("notify", f"The test could not be asked for: {error.strerror}.")
        return
    trials()[key_of(address)] = Trial(name, now())


def add() -> None:
    """Take the typed address; for a button. What is refused stays to be corrected."""
    typed = str(st.session_state.get(NEW, ""))
    if _try("notify", lambda: add_address(_path(), typed)):
        st.session_state[NEW] = ""
        st.toast("The address is saved. Send a test to it.", icon=":material/check:")


def ask_removal(key: str) -> None:
    """Have the person asked; for a button."""
    st.session_state[REMOVING] = key


def forget_removal() -> None:
    """The question is answered, or not of interest any more."""
    st.session_state.pop(REMOVING, None)


def remove(key: str) -> None:
    """Remove the address; for a button."""
    forget_removal()
    trials().pop(key, None)
    _try("notify", lambda: remove_address(_path(), key))


def save(part: str, values: Mapping[str, Any]) -> bool:
    """Set the values; whether that went well. `part` is where a refusal is shown."""
    return _try(part, lambda: save_values(_path(), values))


def refuse(part: str, reason: str) -> None:
    """Keep what is to be said in that part of the page at the next run."""
    st.session_state[REFUSED] = (part, reason)


def take_refusal(part: str) -> str:
    """What is to be said in that part of the page, once; empty when nothing is."""
    told_in, reason = st.session_state.get(REFUSED, ("", ""))
    if told_in != part:
        return ""
    del st.session_state[REFUSED]
    return str(reason)


def _try(part: str, act: Callable[[], object]) -> bool:
    try:
        act()
    except SettingsError as error:
        refuse(part, str(error))
        return False
    return True


def _path() -> Path:
    return session.workspace().settings
