"""An arrival whose rows have come: what they are, what becomes of them, and making the dataset."""

from dataclasses import replace

import streamlit as st

from core.dataset.arrival.arrival import Arrival, Source
from core.dataset.arrival.arriving import request_import
from core.dataset.card import Dataset, find_dataset, list_datasets
from core.dataset.format import Format, find_gaps
from core.dataset.library import find_same_content, first_name, list_versions, name_for
from core.dataset.making.choices import DROP, STOP, Choices
from core.dataset.making.split import check_validation
from core.errors import DatasetError
from core.files import stamp
from core.run.store import slug
from streamlit_app import arrival_head, dataset_state, session
from streamlit_app.code_words import marked
from streamlit_app.components import (
    dataset_mapping,
    dataset_preview,
    dataset_validation,
    discard_button,
)
from streamlit_app.display import bytes_text, plain, rows_text

MAX_NAME = 48
NEW, VERSION = "A new dataset", "A new version"
BAD_WORDS = {DROP: "Leave them out", STOP: "Stop the import"}


def show(arrival: Arrival) -> None:
    """Everything to be chosen about the arrival, and the button."""
    st.subheader(plain(f"Add {arrival.file_name}"), anchor=False)
    if arrival.outcome and arrival.outcome.reason and not arrival.outcome.same_as:
        st.error(marked(f"The last try came to nothing. {arrival.outcome.reason}"))
    head = arrival_head.look(arrival.path, stamp(arrival.path))
    _show_facts(arrival, head)
    if head.problem:
        st.error(marked(head.problem))
        _show_leave(arrival)
        return
    dataset_mapping.show_recognised(head)
    form = dataset_mapping.choose_form(arrival.id, head)
    system_prompt = _choose_system_prompt(arrival.id, form)
    gaps = find_gaps(form, head.columns) if form else ["choose what the rows are"]
    on_bad_row = _choose_bad(arrival.id)
    if form and not gaps:
        rows = arrival_head.convert_head(head, form, system_prompt)
        dataset_preview.show(rows, on_bad_row == STOP, f"import_turn_{arrival.id}")
    choices = Choices("", form, system_prompt, on_bad_row)
    choices, missing = dataset_validation.choose(arrival, choices)
    gaps += [missing] if missing else []
    choices = _choose_name(arrival, choices)
    choices, is_stored_twice = _choose_copy(arrival, choices)
    dataset_mapping.show_gaps(gaps)
    problem = "" if gaps else _problem(choices)
    if problem:
        st.error(marked(problem))
    _show_end(arrival, choices, bool(gaps or problem or is_stored_twice))


def _show_facts(arrival: Arrival, head: arrival_head.Head) -> None:
    size = arrival.path.stat().st_size if arrival.path.is_file() else 0
    told = [*([bytes_text(size)] if size else []), *head.facts]
    if arrival.source in (Source.PATH, Source.FOLDER):
        told.append(arrival.place)
    if arrival.source is Source.HUB:
        told += [word for word in (arrival.config, arrival.split) if word]
    if told:
        st.caption(plain(" · ".join(told)))


def _choose_system_prompt(arrival_id: str, form: Format | None) -> str:
    if form is None or form.kind == "completion":
        return ""
    prompt = st.text_area(
        "System prompt for rows that have none",
        key=f"import_system_{arrival_id}",
        height=72,
        placeholder="You are a patient teacher.",
        help="Put in front of every conversation that does not begin with one. May stay empty.",
        persist_state="session",
    )
    return prompt or ""


def _choose_bad(arrival_id: str) -> str:
    chosen = st.segmented_control(
        "Rows that cannot be used",
        list(BAD_WORDS),
        default=DROP,
        required=True,
        format_func=lambda choice: BAD_WORDS[choice],
        key=f"import_bad_{arrival_id}",
        help="Either way they are listed with line and reason.",
        persist_state="session",
    )
    return str(chosen or DROP)


def _choose_name(arrival: Arrival, choices: Choices) -> Choices:
    """The name of a new dataset, or of which one this is a newer version."""
    workspace = session.workspace()
    older = _find_older(arrival)
    if older:
        as_what = st.segmented_control(
            "Add it as",
            [VERSION, NEW],
            default=VERSION,
            required=True,
            format_func=lambda what: f"{VERSION} of {older.name}" if what == VERSION else NEW,
            key=f"import_as_{arrival.id}",
            help="A version is a dataset of its own: runs keep the rows they were started with.",
            persist_state="session",
        )
        if as_what == VERSION:
            versioned = replace(choices, version_of=older.name)
            st.caption(plain(f"It will be called {name_for(workspace, versioned)}."))
            return versioned
    suggested = _free_suggestion(arrival)
    name = st.text_input(
        "Name",
        key=f"import_name_{arrival.id}",
        placeholder=suggested,
        max_chars=MAX_NAME,
        persist_state="session",
    )
    return replace(choices, name=(name or "").strip() or suggested)


def _find_older(arrival: Arrival) -> Dataset | None:
    """The newest version of what this seems to be a new version of."""
    workspace = session.workspace()
    datasets = list_datasets(workspace)
    wanted = st.session_state.get(dataset_state.VERSION_OF)
    name = arrival.suggested_name
    fits = [
        *(one for one in datasets if one.name == wanted),
        *(one for one in datasets if name and first_name(one) == name),
        *(one for one in datasets if one.file_name and one.file_name == arrival.file_name),
    ]
    versions = list_versions(workspace, fits[0].name) if fits else []
    return next(iter([*versions, *fits]), None)


def _free_suggestion(arrival: Arrival) -> str:
    """A name that nothing has yet, made of the file's."""
    workspace, stem, number = session.workspace(), slug(arrival.suggested_name) or "dataset", 2
    stem = stem[: MAX_NAME - 4]
    name = stem
    while workspace.dataset(name).folder.exists() or name == workspace.inbox.name:
        name, number = f"{stem}-{number}", number + 1
    return name


def _choose_copy(arrival: Arrival, choices: Choices) -> tuple[Choices, bool]:
    """Offer the dataset that was made of the very same file; whether that keeps from adding it."""
    workspace = session.workspace()
    told = arrival.outcome.same_as if arrival.outcome else ""
    same = find_same_content(workspace, arrival.sha256) or find_dataset(workspace, told)
    if same is None:
        return choices, False
    st.warning(
        f"The same file is already here as **{plain(same.name)}** ({rows_text(same.rows)}).",
        icon=":material/content_copy:",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Use that one",
            key=f"import_use_{arrival.id}",
            icon=":material/dataset:",
            on_click=dataset_state.use_instead,
            args=(arrival, same.name),
        )
        again = st.toggle(
            "Store it a second time", key=f"import_again_{arrival.id}", persist_state="session"
        )
    return replace(choices, allow_same_content=again), not again


def _problem(choices: Choices) -> str:
    """Why the import would be refused at once; empty when it would not."""
    try:
        check_validation(choices.validation)
        name_for(session.workspace(), choices)
    except DatasetError as error:
        return str(error)
    return ""


def _show_end(arrival: Arrival, choices: Choices, is_disabled: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Add dataset",
            type="primary",
            icon=":material/add:",
            key="import-add",
            disabled=is_disabled,
            on_click=_add,
            args=(arrival, choices),
        )
        _show_leave(arrival)
    if session.daemon() is None:
        st.caption(
            ":material/hourglass: The daemon is not running. What you add waits until it does."
        )


def _show_leave(arrival: Arrival) -> None:
    st.button("Not now", key="import-leave", on_click=dataset_state.end_mapping)
    discard_button.show(arrival)


def _add(arrival: Arrival, choices: Choices) -> None:
    try:
        request_import(session.workspace(), arrival.id, choices.to_record())
    except (DatasetError, OSError) as error:
        dataset_state.refuse(error)
        return
    dataset_state.wait_for(arrival.id, choices.validation_arrival)
    dataset_state.end_mapping()
    dataset_state.forget_version()
