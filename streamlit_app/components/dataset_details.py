"""One dataset from close by: what is in it, what was left out, and what can be done with it."""

import streamlit as st

from core.dataset.card import Dataset
from core.dataset.sample import sample_rows
from core.dataset.trash import delete_dataset, restore
from core.errors import DatasetError
from streamlit_app import draft_state, session
from streamlit_app.components import download, row_sample
from streamlit_app.components.dataset_upload import CHOSEN
from streamlit_app.display import bytes_text, count_text, plain, rows_text

SAMPLE = 10
DELETED = "dataset_deleted"
REFUSED = "dataset_refused"
ENCODING_WORDS = {"cp1252": "Windows-1252", "latin-1": "Latin-1", "utf-16": "UTF-16"}
FORMAT_WORDS = {
    "messages": "chat messages",
    "conversations": "ShareGPT",
    "alpaca": "instruction (Alpaca)",
    "question_answer": "question and answer",
    "prompt_completion": "prompt and completion",
    "text": "plain text",
}


def show(dataset: Dataset) -> None:
    """Everything about the dataset."""
    st.subheader(plain(dataset.name), anchor=False)
    if dataset.problem:
        st.warning(plain(dataset.problem))
    _show_buttons(dataset)
    _show_facts(dataset)
    _show_bad_rows(dataset)
    _show_sample(dataset)


def _show_buttons(dataset: Dataset) -> None:
    with st.container(horizontal=True):
        if dataset.is_trainable and st.button(
            "Train on it", type="primary", icon=":material/add_circle:"
        ):
            draft_state.put("dataset", dataset.name)
            st.switch_page(session.NEW_RUN_PAGE)
        files = {"Original": dataset.paths.find_original(), "Rows": dataset.paths.train}
        for label, path in files.items():
            if path is not None:
                download.show(label, path, f"{dataset.name}{path.suffix}")
        if st.button("Delete", icon=":material/delete:", key="dataset-delete"):
            _confirm(dataset.name)


def _show_facts(dataset: Dataset) -> None:
    facts = {
        "Rows to train on": count_text(dataset.rows),
        "Validation rows": count_text(dataset.validation_rows),
        "Size": bytes_text(dataset.bytes),
    }
    if dataset.report.median_characters:
        facts["Typical row"] = f"{count_text(dataset.report.median_characters)} characters"
        facts["Longest row"] = f"{count_text(dataset.report.longest_characters)} characters"
    with st.grid("auto", min_column_width=140):
        for label, value in facts.items():
            st.metric(label, value)
    st.markdown(_format_text(dataset))
    if dataset.system_prompt:
        st.caption("System prompt")
        st.text(dataset.system_prompt)


def _format_text(dataset: Dataset) -> str:
    words = FORMAT_WORDS.get(dataset.format, dataset.format)
    parts = [f"Format: **{plain(words)}**"]
    if dataset.columns:
        parts.append("Columns: " + ", ".join(f"**{plain(name)}**" for name in dataset.columns))
    unused = [name for name in dataset.columns if name not in dataset.mapping.values()]
    if unused and dataset.mapping:
        parts.append("Not used: " + plain(", ".join(unused)))
    if dataset.report.encoding not in ("utf-8", ""):
        encoding = dataset.report.encoding
        parts.append(f"Read as: {plain(ENCODING_WORDS.get(encoding, encoding))}")
    return " · ".join(parts)


def _show_bad_rows(dataset: Dataset) -> None:
    report = dataset.report
    if not report.bad_rows:
        return
    total = dataset.rows + dataset.validation_rows + report.bad_rows
    label = f"{rows_text(report.bad_rows)} of {count_text(total)} left out"
    with st.expander(label, icon=":material/warning:", expanded=True, key="bad-rows"):
        if len(report.bad) < report.bad_rows:
            st.caption(f"The first {len(report.bad)} of them:")
        st.dataframe(
            {
                "Line": [row.line for row in report.bad],
                "Reason": [row.reason for row in report.bad],
                "Content": [row.content for row in report.bad],
            },
            hide_index=True,
            column_config={"Line": st.column_config.NumberColumn(width=60)},
            alt="Rows that were left out, with line and reason",
        )


def _show_sample(dataset: Dataset) -> None:
    state = f"sample_seed {dataset.name}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Some of its rows**")
        if dataset.rows > SAMPLE:
            st.button("Others", icon=":material/shuffle:", on_click=_next_sample, args=(state,))
    row_sample.show(sample_rows(dataset, SAMPLE, st.session_state.get(state, 0)))


def _next_sample(state: str) -> None:
    st.session_state[state] = st.session_state.get(state, 0) + 1


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
        st.session_state[REFUSED] = str(error)
        return
    st.session_state[DELETED] = trashed.name
    st.session_state.pop(CHOSEN, None)


def bring_back(trashed: str) -> None:
    """Undo a deletion; for a button."""
    try:
        dataset = restore(session.workspace(), trashed)
    except (DatasetError, OSError) as error:
        st.session_state[REFUSED] = str(error)
        return
    st.session_state.pop(DELETED, None)
    st.session_state[CHOSEN] = dataset.name
