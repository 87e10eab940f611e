"""Who is told of what, what electricity costs, and how this machine is set up."""

import streamlit as st

from core.errors import SettingsError
from streamlit_app import session
from streamlit_app.code_words import marked
from streamlit_app.components import (
    electricity,
    machine_settings,
    notice_addresses,
    notice_events,
)

st.title("Settings", anchor=False)
try:
    settings = session.settings()
except SettingsError as error:
    st.error(marked(str(error)), icon=":material/error:")
    st.markdown("Correct the file by hand; until then nothing can be changed here.")
    st.stop()

st.subheader("Notifications", anchor=False)
st.markdown(
    "Be told on your phone, by mail or in a chat when a run ends or needs help. The daemon sends "
    "the notices, so no page needs to be open."
)
notice_addresses.show(settings.notify)
notice_events.show(settings)

st.subheader("Electricity", anchor=False)
st.markdown("With a price, pages tell what a run's energy cost; without one, only the energy.")
electricity.show(settings)

st.subheader("How this machine is set up", anchor=False)
st.markdown(
    "Only to be read here. Change them in `configs/settings.yaml`, which explains each, then "
    "restart the daemon."
)
machine_settings.show(settings)
