"""The datasets of this workspace: add one, look inside, delete it."""

from collections.abc import Sequence

import streamlit as st

from core.dataset.card import Dataset, list_datasets
from core.dataset.trash import list_trash, name_of
from streamlit_app import session
from streamlit_app.code_words import marked
from streamlit_app.components import dataset_details, dataset_formats, dataset_upload
from streamlit_app.components.dataset_upload import CHOSEN
from streamlit_app.display import bytes_text, plain

TABLE = "dataset_table"
CLICKED = "dataset_clicked"
DRAWN = "dataset_drawn"


def show_notices() -> None:
    """What happened since the last look: added, deleted, refused."""
    state = st.session_state
    if notice := state.pop("dataset_notice", ""):
        st.success(plain(notice), icon=":material/check:")
    if refused := state.pop(dataset_details.REFUSED, ""):
        st.error(marked(refused))
    if deleted := state.get(dataset_details.DELETED):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(f"Deleted {plain(name_of(deleted))}.")
            st.button(
                "Undo",
                icon=":material/undo:",
                key="dataset-undo",
                on_click=dataset_details.bring_back,
                args=(deleted,),
            )


def show_table(datasets: Sequence[Dataset]) -> None:
    """Every dataset in a row; a click chooses one."""
    event = st.dataframe(
        {
            "Name": [one.name for one in datasets],
            "Rows": [one.rows for one in datasets],
            "Validation": [one.validation_rows for one in datasets],
            "Left out": [one.report.bad_rows for one in datasets],
            "Size": [bytes_text(one.bytes) for one in datasets],
            "Format": [
                dataset_details.FORMAT_WORDS.get(one.format, one.format) for one in datasets
            ],
            "Added": [one.created_at for one in datasets],
        },
        hide_index=True,
        column_config={"Added": st.column_config.DatetimeColumn(format="distance")},
        key=TABLE,
        on_select="rerun",
        selection_mode="single-row",
        alt="The datasets of this workspace",
    )
    names = [one.name for one in datasets]
    # A click tells a place in the table as it was drawn last.
    remember(event["selection"]["rows"], st.session_state.get(DRAWN, names))
    st.session_state[DRAWN] = names


def remember(rows: Sequence[int], names: Sequence[str]) -> None:
    """Choose the dataset that was clicked just now; an older click does not hide a newer choice."""
    if rows == st.session_state.get(CLICKED):
        return
    st.session_state[CLICKED] = list(rows)
    if rows and rows[0] < len(names):
        st.session_state[CHOSEN] = names[rows[0]]


def show_trash() -> None:
    """What was deleted, and can be brought back."""
    trashed = list_trash(session.workspace())
    if not trashed:
        return
    with st.expander("Deleted", icon=":material/delete:", key="trash"):
        st.caption("They lie in uploads/.trash until somebody removes them there.")
        for path in trashed:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(path.name)
                st.button(
                    "Bring back",
                    key=f"restore {path.name}",
                    on_click=dataset_details.bring_back,
                    args=(path.name,),
                )


st.title("Datasets", anchor=False)
datasets = list_datasets(session.workspace())
show_notices()
if datasets:
    show_table(datasets)
    with st.expander(
        "Add a dataset", icon=":material/upload:", expanded=CHOSEN not in st.session_state
    ):
        dataset_upload.show()
    with st.expander("How rows can be written", icon=":material/help:"):
        dataset_formats.show()
    names = [one.name for one in datasets]
    if st.session_state.get(CHOSEN) in names:
        dataset_details.show(datasets[names.index(st.session_state[CHOSEN])])
    else:
        st.caption("Choose a row of the table to look inside.")
else:
    st.markdown("A dataset is what a model learns from: one file, one row per example.")
    add, formats = st.columns(2, gap="large")
    with add, st.container(border=True):
        st.subheader("Add the first one", anchor=False)
        dataset_upload.show()
    with formats:
        st.subheader("How rows can be written", anchor=False)
        dataset_formats.show()
show_trash()
