import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.run.notes import MAX_TAGS, MAX_TEXT, Notes, load_notes, make_notes, save_notes


def test_notes_come_back_as_they_were_saved(tmp_path: Path) -> None:
    notes = make_notes(
        "The rate was too high.\n\nTry: 1e-4 — für später 🙂", ["Best", "to do", "best"]
    )
    assert notes.tags == ("best", "to-do")
    save_notes(tmp_path / "notes.yaml", notes)
    assert load_notes(tmp_path / "notes.yaml") == notes


@given(text=st.text(), tags=st.lists(st.text(), max_size=40))
def test_whatever_is_typed_can_be_saved_and_read(
    tmp_path_factory: pytest.TempPathFactory, text: str, tags: list[str]
) -> None:
    path, notes = tmp_path_factory.mktemp("n") / "notes.yaml", make_notes(text, tags)
    save_notes(path, notes)
    assert load_notes(path) == notes
    assert len(notes.text) <= MAX_TEXT and len(notes.tags) <= MAX_TAGS


@pytest.mark.parametrize("text", ["a: [", "- 1", "", "text: 7\ntags: {a: 1}", "!!python/x ''"])
def test_notes_that_cannot_be_read_are_empty(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.yaml"
    path.write_text(text)
    assert load_notes(path) == Notes()


def test_a_pipe_in_place_of_notes_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "notes.yaml")
    assert load_notes(tmp_path / "notes.yaml") == Notes()


def test_notes_that_cannot_be_read_are_put_aside_and_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "notes.yaml"
    path.write_text("text: lr: too high\n")
    save_notes(path, Notes("Another try", ("best",)))
    assert load_notes(path) == Notes("Another try", ("best",))
    aside = next(tmp_path.glob(".notes.yaml.unreadable-*"))
    assert aside.read_text() == "text: lr: too high\n"
