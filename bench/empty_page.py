"""A page of Streamlit with a title and nothing else: what none of ours can be faster than."""

import streamlit as st

st.title("Empty")
