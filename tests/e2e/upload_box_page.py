"""The page of `upload_box_app`: the box, and which arrival it told of last."""

import streamlit as st

from streamlit_app.components import upload_box

arrived = upload_box.show("box")
if arrived:
    st.session_state["last"] = arrived
st.text(f"last: {st.session_state.get('last', 'none')}")
