"""Where the rows of a dataset come from: the browser, this machine, or the Hugging Face Hub."""

from collections.abc import Callable

import streamlit as st

from core.dataset.arrival.arriving import create_hub, create_local
from core.dataset.arrival.inbox import Dropped, list_inbox
from core.errors import DatasetError
from streamlit_app import session
from streamlit_app.code_words import marked
from streamlit_app.components import upload_box
from streamlit_app.display import bytes_text, plain

UPLOAD, MACHINE, HUB = "Upload", "This machine", "Hugging Face Hub"
OPEN = "Look inside"

Taken = Callable[[str], object]
"""Is told the id of the arrival that was made."""


def show(prefix: str, take: Taken) -> None:
    """The ways in; `prefix` keeps the fields of two of these apart."""
    way = st.segmented_control(
        "From",
        [UPLOAD, MACHINE, HUB],
        default=UPLOAD,
        required=True,
        key=f"{prefix}_way",
        persist_state="session",
    )
    if way == MACHINE:
        _show_machine(prefix, take)
    elif way == HUB:
        _show_hub(prefix, take)
    else:
        _show_upload(prefix, take)


def _show_upload(prefix: str, take: Taken) -> None:
    arrival_id = upload_box.show(f"{prefix}_upload")
    if arrival_id:
        take(arrival_id)
        st.rerun()


def _show_machine(prefix: str, take: Taken) -> None:
    """A path, or a file that lies in the inbox."""
    workspace = session.workspace()
    dropped = {str(one.path): one for one in list_inbox(workspace)}
    inbox = st.selectbox(
        "In uploads/inbox",
        list(dropped),
        index=None,
        format_func=lambda path: _dropped_label(dropped[path]),
        key=f"{prefix}_inbox",
        placeholder="Choose a file" if dropped else "Nothing lies there",
        disabled=not dropped,
        help="Copy large files there, in whatever way suits you; they need not go through the "
        "browser.",
    )
    path = st.text_input(
        "Or a path",
        key=f"{prefix}_path",
        placeholder="/data/chats.jsonl.gz, or a folder of .txt files",
        help="Inside the workspace, or a folder of `allowed_folders` in configs/settings.yaml.",
    )
    st.caption(f"The inbox is {plain(str(workspace.inbox))}")
    chosen = (path or "").strip() or inbox or ""
    found = dropped.get(inbox or "")
    if found and chosen == inbox and (found.problem or found.is_arriving):
        st.warning(marked(found.problem or "It is still being copied. Wait until it is whole."))
        return
    if st.button(OPEN, icon=":material/visibility:", key=f"{prefix}_open", disabled=not chosen):
        _create(take, lambda: create_local(workspace, session.settings(), chosen).id)


def _dropped_label(dropped: Dropped) -> str:
    if dropped.is_arriving:
        return f"{dropped.name} ({bytes_text(dropped.bytes)}, still being copied)"
    note = ", cannot be read" if dropped.problem else ""
    return f"{dropped.name} ({bytes_text(dropped.bytes)}{note})"


def _show_hub(prefix: str, take: Taken) -> None:
    settings = session.settings()
    if not settings.hub_allowed:
        st.warning(
            "This machine is set up to stay offline (`hub: offline` in configs/settings.yaml), so "
            "nothing can be fetched. Upload a file, or set `hub: auto`.",
            icon=":material/cloud_off:",
        )
        return
    dataset_id = st.text_input("Dataset", key=f"{prefix}_hub", placeholder="org/name")
    config, split = st.columns(2)
    config_name = config.text_input(
        "Config",
        key=f"{prefix}_config",
        placeholder="the only one, or default",
        help="Some datasets have several, such as one for each language.",
    )
    split_name = split.text_input("Split", key=f"{prefix}_split", placeholder="train")
    wanted = (dataset_id or "").strip()
    if st.button(
        "Fetch",
        icon=":material/cloud_download:",
        key=f"{prefix}_fetch",
        disabled=not wanted,
        help="Fetches the rows to this machine; nothing of yours is sent.",
    ):
        workspace = session.workspace()
        _create(
            take,
            lambda: create_hub(workspace, settings, wanted, config_name or "", split_name or "").id,
        )


def _create(take: Taken, create: Callable[[], str]) -> None:
    """Make the arrival, or say why there is none."""
    try:
        arrival_id = create()
    except (DatasetError, OSError) as error:
        st.error(marked(str(error)))
        return
    take(arrival_id)
    st.rerun()
