"""What can be done with a dataset: rename it, add a version, take it along, delete it."""

from pathlib import Path

import streamlit as st

from core.dataset.card import Dataset
from core.dataset.export import EXPORTS, can_export, export_rows
from core.dataset.library import list_versions, rename_dataset
from core.dataset.table import read_page
from core.dataset.trash import delete_dataset, runs_using
from core.errors import DatasetError
from core.files import Stamp, file_size, stamp
from streamlit_app import dataset_state, session
from streamlit_app.code_words import marked
from streamlit_app.components import download
from streamlit_app.display import bytes_text, plain, rows_text, sentence

EXPORT_LABELS = {
    "messages.jsonl": "Chat messages (.jsonl)",
    "sharegpt.jsonl": "ShareGPT (.jsonl)",
    "alpaca.jsonl": "Alpaca (.jsonl)",
    "questions.csv": "Questions and answers (.csv)",
}


def show(dataset: Dataset) -> None:
    """Each thing that can be done, under a heading of its own."""
    _show_use(dataset)
    name, version = st.columns(2, gap="medium")
    with name, st.container(border=True):
        _show_rename(dataset)
    with version, st.container(border=True):
        _show_versions(dataset)
    with st.container(border=True):
        _show_downloads(dataset)
    with st.container(border=True):
        _show_delete(dataset)


def _show_use(dataset: Dataset) -> None:
    users = runs_using(session.workspace(), dataset.name)
    if users:
        st.info(
            f"Needed by {plain(', '.join(users))}: it can be neither renamed nor deleted before "
            "that has ended.",
            icon=":material/lock:",
        )


def _show_rename(dataset: Dataset) -> None:
    st.markdown("**Name**")
    name = st.text_input(
        "New name",
        dataset.name,
        key=f"rename {dataset.name}",
        max_chars=48,
        help="Specs that name the dataset by its folder have to be changed too.",
    )
    st.button(
        "Rename",
        icon=":material/edit:",
        key="dataset-rename",
        disabled=not (name or "").strip() or name == dataset.name,
        on_click=_rename,
        args=(dataset.name, name or ""),
    )


def _rename(name: str, new_name: str) -> None:
    try:
        renamed = rename_dataset(session.workspace(), name, new_name)
    except (DatasetError, OSError) as error:
        dataset_state.refuse(error)
        return
    dataset_state.forget_version_of(name)
    dataset_state.tell(f"{name} is now called {renamed.name}.")
    dataset_state.choose(renamed.name)


def _show_versions(dataset: Dataset) -> None:
    st.markdown("**Versions**")
    versions = list_versions(session.workspace(), dataset.name)
    if len(versions) > 1:
        names = [
            f"{plain(one.name)} ({rows_text(one.rows)})"
            + (" — this one" if one.name == dataset.name else "")
            for one in versions
        ]
        st.markdown("\n".join(f"- {name}" for name in names))
    else:
        st.caption("A newer version is a dataset of its own: runs keep the rows they began with.")
    st.button(
        "Add a new version",
        icon=":material/upload:",
        key="dataset-version",
        on_click=_begin_version,
        args=(dataset.name,),
    )


def _begin_version(name: str) -> None:
    st.session_state[dataset_state.VERSION_OF] = name


def _show_downloads(dataset: Dataset) -> None:
    st.markdown("**Download**")
    files = {
        "Original": dataset.paths.find_original(),
        "Rows to train on": dataset.paths.train,
        "Validation rows": dataset.paths.validation if dataset.validation_rows else None,
        "Left out rows": dataset.paths.bad_rows if dataset.paths.bad_rows.exists() else None,
    }
    with st.container(horizontal=True):
        for label, path in files.items():
            if path is not None:
                suffix = "".join(path.suffixes) if label == "Original" else f"-{path.name}"
                download.show(label, path, f"{dataset.name}{suffix}")
    _show_exports(dataset)


def _show_exports(dataset: Dataset) -> None:
    """The rows in the formats that the first of them fits into."""
    if file_size(dataset.paths.train) > download.MAX_BYTES:
        st.caption("Other formats are written for up to " + bytes_text(download.MAX_BYTES) + ".")
        return
    first = read_page(dataset.paths.train, 1, 1)
    fits = [name for name in EXPORTS if first and can_export(first[0].value, name)]
    if not fits:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "In the format of another program",
            fits,
            index=None,
            format_func=lambda name: EXPORT_LABELS.get(name, name),
            key=f"export {dataset.name}",
            placeholder="Choose a format",
            width=320,
        )
        if name is None:
            return
        with st.spinner("Looking whether every row fits…", show_time=True):
            problem = _export_problem(dataset.paths.train, stamp(dataset.paths.train), name)
        if not problem:
            _show_export(dataset, name)
    if problem:
        st.warning(marked(sentence(problem)))


def _show_export(dataset: Dataset, name: str) -> None:
    st.download_button(
        "Download",
        lambda: b"".join(export_rows(dataset.paths.train, name)),
        f"{dataset.name}-{name}",
        icon=":material/download:",
        on_click="ignore",
        key="export-download",
    )


@st.cache_data(max_entries=16, show_spinner=False)
def _export_problem(path: Path, changed: Stamp, name: str) -> str:
    """Why not every row fits into the format; empty when all do. Half a file helps nobody."""
    try:
        for _ in export_rows(path, name):
            pass
    except DatasetError as error:
        return str(error)
    return ""


def _show_delete(dataset: Dataset) -> None:
    st.markdown("**Delete**")
    st.caption("Runs that are done keep their results. It can be brought back afterwards.")
    if st.button("Delete", icon=":material/delete:", key="dataset-delete"):
        _confirm(dataset.name)


@st.dialog("Delete this dataset?")
def _confirm(name: str) -> None:
    st.text(name)
    st.caption("Runs that are done keep their results. It can be brought back afterwards.")
    if st.button("Delete", type="primary", key="dataset-really", on_click=_delete, args=(name,)):
        st.rerun()


def _delete(name: str) -> None:
    try:
        trashed = delete_dataset(session.workspace(), name)
    except (DatasetError, OSError) as error:
        dataset_state.refuse(error)
        return
    dataset_state.forget_version_of(name)
    st.session_state[dataset_state.DELETED] = trashed.name
    dataset_state.choose("")
