"""Chat with what a run has made. Run and weights stand in the address."""

import streamlit as st

from streamlit_app import session
from streamlit_app.components import chat, first_steps, model_choice, sampling_settings

st.title("Sandbox", anchor=False)

runs = model_choice.usable(session.runs())
if not runs:
    st.caption("The sandbox talks to trained models. There is none yet.")
    first_steps.show()
    st.stop()

chosen = model_choice.show(runs)
with st.container(horizontal=True, gap="small"):
    sampling = sampling_settings.show(chosen.run)
    chat.show_clear(chosen.talk)
chat.show(chosen.talk, chosen.model, sampling)
