"""Adding a dataset: a file from the browser, or one that lies on this machine."""

from pathlib import Path
from typing import BinaryIO

import streamlit as st

from core.dataset.card import Dataset
from core.dataset.library import SameContentError, create_dataset
from core.dataset.local_file import find_file
from core.dataset.read import EXTENSIONS
from core.errors import DatasetError
from core.run.store import slug
from streamlit_app import session
from streamlit_app.code_words import marked
from streamlit_app.display import rows_text

UPLOAD, MACHINE = "Upload", "File on this machine"
CHOSEN = "dataset_chosen"
ROUND = "dataset_round"
SAME = "dataset_same"

Mark = tuple[str, int | str | None]
"""What tells one chosen file from another: its name, and its size or path."""


def show() -> None:
    """The fields, and the button that makes the dataset."""
    st.session_state.setdefault(ROUND, 0)
    way = st.segmented_control(
        "From", [UPLOAD, MACHINE], default=UPLOAD, required=True, key="dataset_way"
    )
    # Another key empties the uploader, which gives the file's memory back.
    turn = st.session_state[ROUND]
    if way == MACHINE:
        typed = st.text_input(
            "Path",
            key=f"dataset_path_{turn}",
            placeholder="/data/chats.jsonl",
            help="Inside the workspace, or a folder of `allowed_folders` in configs/settings.yaml.",
        )
        file_name, source = Path((typed or "").strip()).name, None
    else:
        source = st.file_uploader(
            "File (.jsonl, .json, .csv or .txt)", list(EXTENSIONS), key=f"dataset_file_{turn}"
        )
        typed, file_name = "", source.name if source else ""
    mark = (file_name, source.size if source else typed)
    if st.session_state.get(SAME) not in (None, mark):
        # Another file was chosen: what was said of the last one does not hold for it.
        del st.session_state[SAME]
    name, fraction, system_prompt = _show_options(file_name, turn)
    if st.button("Add dataset", type="primary", icon=":material/add:", disabled=not file_name):
        _add(name or Path(file_name).stem, mark, source, typed or "", fraction, system_prompt)
    _show_same()


def _show_options(file_name: str, turn: int) -> tuple[str, float, str]:
    left, right = st.columns(2)
    name = left.text_input(
        "Name",
        key=f"dataset_name_{turn}",
        placeholder=slug(Path(file_name).stem) or "from the file's name",
        max_chars=48,
    )
    percent = right.number_input(
        "Set aside for validation (%)",
        0,
        50,
        step=5,
        key=f"dataset_percent_{turn}",
        help="Rows the model never trains on, to see whether it learned more than the rows by "
        "heart. 5 to 10 % is usual; with 0, a run can still set rows aside itself.",
    )
    with st.expander("System prompt"):
        prompt = st.text_area(
            "Put in front of every chat that has none",
            key=f"dataset_prompt_{turn}",
            placeholder="You are a patient teacher.",
        )
    return (name or "").strip(), (percent or 0) / 100, prompt or ""


def _add(
    name: str,
    mark: Mark,
    source: BinaryIO | None,
    typed: str,
    fraction: float,
    system_prompt: str,
) -> None:
    """Make the dataset, and show why not if it cannot be made."""
    same = st.session_state.pop(SAME, None)
    try:
        with st.spinner("Reading and checking every row…", show_time=True):
            workspace = session.workspace()
            file = source or find_file(workspace, session.settings(), typed)
            dataset = create_dataset(
                workspace,
                name,
                mark[0],
                file,
                validation_fraction=fraction,
                system_prompt=system_prompt,
                allow_same_content=same == mark,
            )
    except SameContentError as error:
        st.session_state[SAME] = mark
        st.session_state[CHOSEN] = error.dataset.name
        st.session_state["dataset_same_text"] = str(error)
    except DatasetError as error:
        st.error(marked(str(error)))
    else:
        _welcome(dataset)


def _show_same() -> None:
    """Offer what is there already; pressing the button once more stores it twice."""
    if st.session_state.get(SAME):
        st.warning(
            marked(st.session_state["dataset_same_text"])
            + "  \nIt is shown below. To store it a second time, press **Add dataset** again."
        )


def _welcome(dataset: Dataset) -> None:
    st.session_state[ROUND] += 1
    st.session_state[CHOSEN] = dataset.name
    rows = rows_text(dataset.rows + dataset.validation_rows)
    st.session_state["dataset_notice"] = f"Added {dataset.name} with {rows}."
    st.rerun()
