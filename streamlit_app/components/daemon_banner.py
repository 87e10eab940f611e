"""Says on every page that the daemon is not there, or is in trouble."""

import streamlit as st

from streamlit_app import session
from streamlit_app.display import plain

DOWN = (
    "The daemon is not running: trainings go on, but nothing starts, and what is shown of them is "
    "from when it ended. Wishes are kept. Start it with `make run` or "
    "`systemctl start llm-trainer-daemon`."
)


def show() -> None:
    """Nothing while all is well."""
    heartbeat = session.daemon()
    if heartbeat is None:
        st.warning(DOWN, icon=":material/power_off:")
        return
    for trouble in heartbeat.troubles:
        st.warning(plain(trouble), icon=":material/warning:")
