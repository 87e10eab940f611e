"""The datasets of this workspace: add one, look inside, see what would be learned, manage it."""

import streamlit as st

from core.dataset.arrival.arrival import Arrival, find_arrival
from core.dataset.card import find_dataset, list_datasets
from streamlit_app import dataset_state, session
from streamlit_app.components import (
    dataset_arrivals,
    dataset_details,
    dataset_formats,
    dataset_import,
    dataset_notices,
    dataset_shelf,
    dataset_source,
    discard_button,
)
from streamlit_app.display import plain


def find_mapped() -> Arrival | None:
    """The arrival whose rows are to be mapped now; None when there is none, or not yet."""
    arrival = find_arrival(session.workspace(), dataset_state.mapped())
    return arrival if arrival and dataset_arrivals.can_be_mapped(arrival) else None


def show_source() -> None:
    """The ways in; what came in is mapped next."""
    dataset_source.show("dataset", dataset_state.begin_mapping)
    older = st.session_state.get(dataset_state.VERSION_OF)
    if older:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(f"It will be a new version of {plain(older)}.")
            st.button(
                "Rather a new dataset", key="version-none", on_click=dataset_state.forget_version
            )


def show_first() -> None:
    """What a dataset is, on a desk where none is yet."""
    st.markdown("A dataset is what a model learns from: one file, one row per example.")
    add, formats = st.columns(2, gap="large")
    with add, st.container(border=True):
        st.subheader("Add the first one", anchor=False)
        show_source()
    with formats:
        st.subheader("How rows can be written", anchor=False)
        dataset_formats.show()


def show_ways_in() -> None:
    """Adding one more, folded away while a dataset is open."""
    wants_version = dataset_state.VERSION_OF in st.session_state
    is_wanted = wants_version or not dataset_state.chosen()
    with st.expander("Add a dataset", icon=":material/upload:", expanded=is_wanted):
        show_source()
    with st.expander("How rows can be written", icon=":material/help:"):
        dataset_formats.show()


st.title("Datasets", anchor=False)
dataset_state.follow_address()
dataset_arrivals.welcome()
dataset_notices.show()
dataset_arrivals.show()
datasets = list_datasets(session.workspace())
mapped = find_mapped()
if mapped:
    with st.container(border=True):
        dataset_import.show(mapped)
if datasets:
    dataset_shelf.show(datasets)
if mapped is None and datasets:
    show_ways_in()
elif mapped is None:
    show_first()
opened = find_dataset(session.workspace(), dataset_state.chosen())
if opened:
    dataset_details.show(opened)
elif dataset_state.chosen():
    st.warning(f"There is no dataset {plain(dataset_state.chosen())} any more.")
elif datasets and mapped is None:
    st.caption("Choose a row of the table to look inside.")
dataset_notices.show_trash()
discard_button.show_question()
