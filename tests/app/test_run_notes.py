"""Notes and tags of a run: written, saved, and never lost to another tab."""

import errno
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.paths import RunPaths
from core.run.notes import Notes, load_notes, make_notes, save_notes
from core.run.phase import Phase
from streamlit_app.components.run_notes import label
from tests.app.conftest import check, everything, press
from tests.app.furnished import Furnished


def page_of(run_id: str) -> None:
    import streamlit as st

    from streamlit_app import session
    from streamlit_app.components import run_notes

    st.session_state[f"notes open {run_id}"] = True
    run = session.store().find_run(run_id)
    assert run
    run_notes.show(run)


@pytest.fixture
def run(place: Furnished) -> RunPaths:
    return place.add_run("poems", Phase.COMPLETED)


def open_notes(run: RunPaths) -> AppTest:
    return check(AppTest.from_function(page_of, args=(run.run_id,), default_timeout=30).run())


def write(page: AppTest, text: str, *tags: str) -> AppTest:
    page.text_area[0].set_value(text)
    page.multiselect[0].set_value(list(tags))
    return page


def test_what_is_written_is_kept_beside_the_run(run: RunPaths) -> None:
    page = press(write(open_notes(run), "The rate was too high.", "Best so far", "to do"), "Save")
    assert load_notes(run.notes) == Notes("The rate was too high.", ("best-so-far", "to-do"))
    assert "Saved at" in everything(page)
    assert page.multiselect[0].value == ["best-so-far", "to-do"]
    again = open_notes(run)
    assert again.text_area[0].value == "The rate was too high."
    assert "best" in again.expander[0].label


def test_tags_of_other_runs_are_suggested(place: Furnished, run: RunPaths) -> None:
    other = place.add_run("emails", Phase.FAILED, minutes_ago=3)
    save_notes(other.notes, make_notes("", ["mine", "best"]))
    assert open_notes(run).multiselect[0].options == ["best", "mine"]


def test_notes_that_were_changed_elsewhere_are_told_of_and_shown(run: RunPaths) -> None:
    page = open_notes(run)
    save_notes(run.notes, make_notes("from the other tab", ["other"]))
    assert "changed elsewhere" in everything(page.run())
    page = press(page, "Show the newer ones")
    assert page.text_area[0].value == "from the other tab"
    assert "changed elsewhere" not in everything(page)


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        ("Keep both", Notes("theirs\n\nmine", ("a", "b"))),
        ("Keep mine", Notes("mine", ("a",))),
        ("Keep the others", Notes("theirs", ("b",))),
    ],
)
def test_of_two_that_were_saved_at_once_none_is_lost(
    run: RunPaths, choice: str, kept: Notes
) -> None:
    page = write(open_notes(run), "mine", "a")
    save_notes(run.notes, make_notes("theirs", ["b"]))
    page = press(page, "Save")
    assert load_notes(run.notes) == Notes("theirs", ("b",))
    shown = everything(page.run())
    assert "mine" in shown and "theirs" in shown
    page = press(page, choice)
    assert load_notes(run.notes) == kept
    assert page.text_area[0].value == kept.text


def test_a_third_tab_is_asked_about_as_well(run: RunPaths) -> None:
    page = write(open_notes(run), "mine")
    save_notes(run.notes, make_notes("theirs", []))
    page = press(page, "Save")
    save_notes(run.notes, make_notes("a third", []))
    page = press(page, "Keep mine")
    assert load_notes(run.notes).text == "a third"
    assert "a third" in everything(page) and "Saved at" not in everything(page)
    press(page, "Keep mine")
    assert load_notes(run.notes).text == "mine"


def test_a_disk_that_takes_nothing_is_told_and_the_text_stays(
    run: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_nothing(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    page = write(open_notes(run), "precious")
    monkeypatch.setattr("streamlit_app.components.run_notes.save_notes", take_nothing)
    page = press(page, "Save")
    assert "could not be saved" in page.error[0].value
    assert page.text_area[0].value == "precious"


def test_hostile_notes_are_shown_as_they_are(run: RunPaths, tmp_path: Path) -> None:
    assert label(make_notes("", ["a:red[b]", "**c**"])).count(":gray-badge[") == 2
    save_notes(run.notes, make_notes("<script>x</script>", ["<b>"]))
    assert open_notes(run).text_area[0].value == "<script>x</script>"
