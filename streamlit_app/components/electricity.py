"""What a kilowatt hour costs."""

import streamlit as st

from core.settings import MAX_PRICE, Settings
from streamlit_app import notice_state
from streamlit_app.code_words import marked

PART, PRICE, CURRENCY = "price_per_kwh", "kwh price", "kwh currency"
FILLED = "kwh filled"
"""With what the fields were filled last, so that a change of the file fills them anew."""


def show(settings: Settings) -> None:
    """The two fields, saved together."""
    _fill(settings)
    with (
        st.form("electricity", border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        price = st.number_input(
            "Price per kWh",
            key=PRICE,
            min_value=0.0,
            max_value=float(MAX_PRICE),
            # A field that begins with a number could not be emptied.
            value=None,
            step=0.01,
            format="%.4g",
            placeholder="for example 0.32",
            width=200,
        )
        currency = st.text_input("Currency", key=CURRENCY, max_chars=5, width=110)
        saved = st.form_submit_button("Save", icon=":material/check:")
    if saved and notice_state.save(
        PART, {"price_per_kwh": price, "currency": (currency or "").strip() or Settings().currency}
    ):
        st.toast("The price is saved; it counts for every run.", icon=":material/check:")
    if refusal := notice_state.take_refusal(PART):
        st.error(marked(refusal))


def _fill(settings: Settings) -> None:
    saved = settings.price_per_kwh, settings.currency
    state = st.session_state
    if state.get(FILLED) != saved or PRICE not in state:
        state[FILLED] = saved
        state[PRICE] = None if settings.price_per_kwh is None else float(settings.price_per_kwh)
        state[CURRENCY] = settings.currency
