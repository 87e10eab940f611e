"""Whether a trainer stands by, so that the next run starts at once."""

import streamlit as st

from core.heartbeat import SeenStandby
from streamlit_app import session
from streamlit_app.display import gib_text, plain, shorten

WHAT_IT_IS = (
    "A trainer that has loaded its libraries and waits. A run that it takes over starts in about a "
    "second; without it a run loads them first and takes some ten seconds longer."
)
REASON_LENGTH = 240

ICONS = {
    "ready": ":green[:material/bolt:]",
    "preparing": ":blue[:material/hourglass_top:]",
    "none": ":gray[:material/ac_unit:]",
    "off": ":gray[:material/power_off:]",
}


def show() -> None:
    """One line; nothing where the daemon is down, or too old to know of standbys."""
    heartbeat = session.daemon()
    if heartbeat and (text := standby_text(heartbeat.standby)):
        icon = ICONS[heartbeat.standby.state]
        st.markdown(f":small[{icon} **Standby** · {text}]", help=WHAT_IT_IS)


def standby_text(standby: SeenStandby) -> str:
    """What is true of it; empty when nothing is told."""
    match standby.state:
        case "ready":
            memory = f" · {gib_text(standby.memory_mib)} of memory" if standby.memory_mib else ""
            return f"Ready: the next run starts in about a second{memory}"
        case "preparing":
            return "Getting ready…"
        case "none":
            reason = plain(shorten(" ".join(standby.reason.split()), REASON_LENGTH))
            return f"None: {reason}" if reason else "None at the moment"
        case "off":
            return "Switched off in the settings"
        case _:
            return ""
