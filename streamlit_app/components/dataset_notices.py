"""What happened to datasets since the last look: added, deleted, refused."""

import streamlit as st

from core.dataset.trash import list_trash, name_of, restore
from core.errors import DatasetError
from streamlit_app import dataset_state, session
from streamlit_app.code_words import marked
from streamlit_app.display import plain


def show() -> None:
    """Each notice once; a deletion as long as it can be undone."""
    state = st.session_state
    if notice := state.pop(dataset_state.NOTICE, ""):
        st.success(plain(notice), icon=":material/check:")
    if refused := state.pop(dataset_state.REFUSED, ""):
        st.error(marked(refused))
    if deleted := state.get(dataset_state.DELETED):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(f"Deleted {plain(name_of(deleted))}.")
            st.button(
                "Undo",
                icon=":material/undo:",
                key="dataset-undo",
                on_click=bring_back,
                args=(deleted,),
            )


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
                    on_click=bring_back,
                    args=(path.name,),
                )


def bring_back(trashed: str) -> None:
    """Undo a deletion; for a button."""
    try:
        dataset = restore(session.workspace(), trashed)
    except (DatasetError, OSError) as error:
        dataset_state.refuse(error)
        return
    st.session_state.pop(dataset_state.DELETED, None)
    dataset_state.choose(dataset.name)
