"""What people write about a run: a text and tags, kept beside it."""

import threading
from dataclasses import dataclass

import streamlit as st

from core.clock import now
from core.run.notes import (
    MAX_TAG,
    MAX_TAGS,
    MAX_TEXT,
    Notes,
    load_notes,
    make_notes,
    merge_notes,
    save_notes,
)
from core.run.store import Run
from streamlit_app import session
from streamlit_app.display import clock_text, plain

TITLE, ICON = "Notes and tags", ":material/edit_note:"
YOURS, THEIRS, BOTH = "Yours", "Saved meanwhile", "Keep both"

_SAVING = threading.Lock()
"""Pages are threads of one process."""


@dataclass(frozen=True)
class _Keys:
    """Where the parts of one run's editor lie in the session."""

    run_id: str

    @property
    def text(self) -> str:
        return f"notes text {self.run_id}"

    @property
    def tags(self) -> str:
        return f"notes tags {self.run_id}"

    @property
    def base(self) -> str:
        """What was in the file when the editor was filled."""
        return f"notes base {self.run_id}"

    @property
    def said(self) -> str:
        """What became of the last save: a sentence, and whether it is bad news."""
        return f"notes said {self.run_id}"

    @property
    def is_open(self) -> str:
        return f"notes open {self.run_id}"

    @property
    def label(self) -> str:
        return f"notes label {self.run_id}"

    @property
    def disputed(self) -> str:
        """That notes were saved here, and others elsewhere before."""
        return f"notes disputed {self.run_id}"


def show(run: Run) -> None:
    """The tags in a line that opens; under it the text and the tags, to be changed."""
    saved, keys = session.index().notes(run), _Keys(run.run_id)
    if not st.session_state.get(keys.is_open) or keys.label not in st.session_state:
        # An expander with another label is another one, and closed: none changes while it is open.
        st.session_state[keys.label] = label(saved)
    with st.expander(
        st.session_state[keys.label], icon=ICON, key=keys.is_open, on_change="rerun"
    ) as editor:
        # Once open it stays: what is being written must outlive that it is closed.
        if editor.open or keys.text in st.session_state:
            _show_editor(run, keys)


def label(notes: Notes) -> str:
    """The title with the tags, and whether there is a text."""
    tags = " ".join(f":gray-badge[{plain(tag)}]" for tag in notes.tags)
    mark = "" if not notes.text or tags else ":gray-badge[written]"
    return " ".join(filter(None, [TITLE, tags, mark]))


def _show_editor(run: Run, keys: _Keys) -> None:
    saved = load_notes(run.paths.notes)
    if keys.text not in st.session_state or keys.base not in st.session_state:
        _fill(keys, saved)
    if st.session_state.get(keys.disputed):
        _show_choice(run, keys, saved)
        return
    if saved != st.session_state[keys.base]:
        _show_news(keys, saved)
    with st.form(f"notes form {run.run_id}", border=False):
        _show_fields(keys, saved)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.form_submit_button(
                "Save",
                icon=":material/save:",
                key=f"notes save {run.run_id}",
                on_click=_save,
                args=(run, keys),
            )
            _show_said(keys)


def _show_fields(keys: _Keys, saved: Notes) -> None:
    st.text_area(
        "Notes",
        key=keys.text,
        height=120,
        max_chars=MAX_TEXT,
        placeholder="What was tried, what came of it, what to try next",
    )
    chosen = st.session_state.get(keys.tags, [])
    known = session.index().tags(session.runs())
    st.multiselect(
        "Tags",
        sorted({*known, *saved.tags, *chosen}),
        key=keys.tags,
        accept_new_options=True,
        max_selections=MAX_TAGS,
        placeholder="Choose tags, or write a new one and press Enter",
        help=f"Words by which runs are found and compared, such as `best` or `to-do`: up to "
        f"{MAX_TAGS} of at most {MAX_TAG} letters.",
    )


def _show_news(keys: _Keys, saved: Notes) -> None:
    """The file is another one than the editor was filled from."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            ":material/sync_problem: These notes were changed elsewhere since you opened them. "
            "Saving yours will ask which to keep.",
            width="stretch",
        )
        st.button(
            "Show the newer ones", key=f"{keys.base} news", on_click=_fill, args=(keys, saved)
        )


def _show_said(keys: _Keys) -> None:
    said = st.session_state.get(keys.said)
    if said:
        text, is_bad = said
        (st.error if is_bad else st.caption)(text)


def _show_choice(run: Run, keys: _Keys, saved: Notes) -> None:
    """Two notes were written at the same time: both are shown, and a person chooses."""
    mine = _mine(keys)
    # Kept alive while their widgets are not drawn.
    st.session_state[keys.text] = st.session_state[keys.text]
    st.session_state[keys.tags] = st.session_state[keys.tags]
    st.warning(
        "Other notes were saved elsewhere while you wrote yours. Nothing is lost: choose.",
        icon=":material/call_merge:",
    )
    for column, title, notes in zip(st.columns(2), (YOURS, THEIRS), (mine, saved), strict=True):
        with column.container(border=True):
            st.markdown(f"**{title}**")
            st.text(notes.text or "No text.")
            st.markdown(" ".join(f":gray-badge[{plain(tag)}]" for tag in notes.tags) or "No tags.")
    with st.container(horizontal=True):
        for title, notes in (
            (BOTH, merge_notes(saved, mine)),
            ("Keep mine", mine),
            ("Keep the others", saved),
        ):
            st.button(
                title,
                # What loses nothing is the one that stands out.
                type="primary" if title == BOTH else "secondary",
                key=f"{keys.disputed} {title}",
                on_click=_replace,
                args=(run, keys, notes, saved),
            )
    _show_said(keys)


def _mine(keys: _Keys) -> Notes:
    """What stands in the editor."""
    return make_notes(st.session_state.get(keys.text) or "", st.session_state.get(keys.tags) or ())


def _fill(keys: _Keys, notes: Notes) -> None:
    """Put the notes into the editor."""
    st.session_state[keys.text] = notes.text
    st.session_state[keys.tags] = list(notes.tags)
    st.session_state[keys.base] = notes
    st.session_state.pop(keys.said, None)
    st.session_state.pop(keys.disputed, None)


def _save(run: Run, keys: _Keys) -> None:
    """Save what stands in the editor."""
    _replace(run, keys, _mine(keys), st.session_state.get(keys.base, Notes()))


def _replace(run: Run, keys: _Keys, notes: Notes, seen: Notes) -> None:
    """Save the notes, unless others than those seen were saved meanwhile: a person decides."""
    with _SAVING:
        if load_notes(run.paths.notes) not in (seen, notes):
            st.session_state[keys.disputed] = True
            st.session_state.pop(keys.said, None)
            return
        try:
            save_notes(run.paths.notes, notes)
        except OSError as error:
            st.session_state[keys.said] = f"They could not be saved: {plain(str(error))}", True
            return
    _fill(keys, notes)
    at = clock_text(now(), session.zone())
    st.session_state[keys.said] = f":material/check: Saved at {at}", False
