"""The page on which datasets are added, looked at and deleted."""

import pytest
from streamlit.testing.v1 import AppTest

from core.dataset.card import find_dataset, list_datasets
from core.dataset.library import create_dataset
from core.dataset.trash import list_trash
from core.paths import Workspace
from tests.app.conftest import Open, check, press
from tests.app.furnished import Furnished

QA = b"question,answer\n" + b"".join(b"What is %d?,It is %d.\n" % (n, n) for n in range(30))


@pytest.fixture
def workspace(place: Furnished) -> Workspace:
    return place.workspace


def add(workspace: Workspace, name: str = "facts", content: bytes = QA) -> None:
    source = workspace.root / "source.csv"
    source.write_bytes(content)
    create_dataset(workspace, name, "source.csv", source)


def choose(page: AppTest, row: int) -> AppTest:
    selection = {"rows": [row], "columns": [], "cells": []}
    page.session_state["dataset_table"] = {"selection": selection}
    return check(page.run())


def texts(page: AppTest) -> str:
    return "\n".join(element.value for element in page.text)


def test_an_empty_workspace_teaches_the_formats(workspace: Workspace, open_page: Open) -> None:
    page = open_page("datasets")

    examples = "\n".join(code.value for code in page.code)
    for word in ("messages", "question,answer", "instruction"):
        assert word in examples
    assert page.file_uploader


def test_an_upload_becomes_a_dataset_that_is_shown(workspace: Workspace, open_page: Open) -> None:
    page = open_page("datasets")
    page.file_uploader[0].upload("My facts.csv", QA + b"no answer,\n")
    page.run()
    page.number_input(key="dataset_percent_0").set_value(10)
    press(page, "Add dataset")

    dataset = find_dataset(workspace, "my-facts")
    assert dataset is not None
    assert (dataset.rows, dataset.validation_rows) == (27, 3)
    assert "30 rows" in page.success[0].value
    bad = next(table.value for table in page.dataframe if "Reason" in table.value)
    assert bad["Line"].tolist() == [32]
    assert bad["Reason"].tolist() == ["`answer` is empty"]
    assert "It is " in texts(page)


def test_a_file_that_cannot_be_used_is_explained(workspace: Workspace, open_page: Open) -> None:
    page = open_page("datasets")
    page.file_uploader[0].upload("a.csv", b"x,y\n1,2\n")
    page.run()
    press(page, "Add dataset")

    assert "the columns are `x`" in page.error[0].value
    assert list_datasets(workspace) == []


def test_the_same_file_is_offered_and_can_be_stored_again(
    workspace: Workspace, open_page: Open
) -> None:
    add(workspace)
    page = open_page("datasets")
    page.file_uploader[0].upload("again.csv", QA)
    page.run()
    press(page, "Add dataset")
    assert "`facts`" in page.warning[-1].value
    assert len(list_datasets(workspace)) == 1

    press(page, "Add dataset")
    assert {one.name for one in list_datasets(workspace)} == {"facts", "again"}


def test_a_file_on_this_machine_is_registered_only_from_allowed_folders(
    workspace: Workspace, open_page: Open
) -> None:
    (workspace.root / "rows.csv").write_bytes(QA)
    page = open_page("datasets")
    page.segmented_control(key="dataset_way").set_value("File on this machine").run()
    page.text_input(key="dataset_path_0").set_value("/etc/hosts.csv").run()
    press(page, "Add dataset")
    assert "none of the allowed folders" in page.error[0].value

    page.text_input(key="dataset_path_0").set_value("rows.csv").run()
    press(page, "Add dataset")
    assert find_dataset(workspace, "rows")


def test_rows_are_shown_as_text_whatever_stands_in_them(
    workspace: Workspace, open_page: Open
) -> None:
    add(workspace, content=b"question,answer\n<script>alert(1)</script>,**bold** :smile:\n")
    page = choose(open_page("datasets"), 0)

    assert "<script>alert(1)</script>" in texts(page)
    assert "**bold** :smile:" in texts(page)
    assert not any("<script>" in element.value for element in page.markdown)


def test_other_rows_can_be_asked_for(workspace: Workspace, open_page: Open) -> None:
    add(workspace)
    page = choose(open_page("datasets"), 0)
    before = texts(page)
    press(page, "Others")

    assert texts(page) != before


def test_a_deleted_dataset_can_be_brought_back_at_once(
    workspace: Workspace, open_page: Open
) -> None:
    add(workspace)
    page = choose(open_page("datasets"), 0)
    page.button(key="dataset-delete").click().run()
    page.button(key="dataset-really").click().run()
    check(page)
    assert list_datasets(workspace) == []
    assert len(list_trash(workspace)) == 1

    page.button(key="dataset-undo").click().run()
    check(page)
    assert [one.name for one in list_datasets(workspace)] == ["facts"]


def test_a_dataset_in_use_is_not_deleted_and_the_run_is_named(
    workspace: Workspace, open_page: Open
) -> None:
    add(workspace)
    workspace.queue.mkdir(parents=True)
    (workspace.queue / "busy.yaml").write_text("datasets: [{path: ./uploads/facts/train.jsonl}]")
    page = choose(open_page("datasets"), 0)
    page.button(key="dataset-delete").click().run()
    page.button(key="dataset-really").click().run()

    assert find_dataset(workspace, "facts")
    assert "busy" in page.error[0].value


def test_a_broken_card_is_told_of_and_hides_nothing(workspace: Workspace, open_page: Open) -> None:
    add(workspace)
    workspace.dataset("facts").card.write_text("[")
    page = choose(open_page("datasets"), 0)

    assert any("cannot be read" in warning.value for warning in page.warning)
    assert page.dataframe[0].value["Rows"].tolist() == [30]


def test_training_on_a_dataset_opens_the_form_with_it(
    workspace: Workspace, open_page: Open
) -> None:
    add(workspace, "a-first")
    add(workspace, "b-second", QA + b"one,more\n")
    page = choose(open_page("datasets"), 1)
    press(page, "Train on it")

    assert page.selectbox(key="new_dataset").value == "b-second"


def test_a_click_means_the_dataset_that_was_shown_when_another_has_come_since(
    workspace: Workspace, open_page: Open
) -> None:
    add(workspace, "b-first")
    page = open_page("datasets")
    add(workspace, "a-later", QA + b"one,more\n")
    choose(page, 0)

    assert page.subheader[0].value == "b\\-first"


def test_that_a_file_is_here_already_is_not_said_of_the_next_file(
    workspace: Workspace, open_page: Open
) -> None:
    add(workspace)
    page = open_page("datasets")
    page.file_uploader[0].upload("again.csv", QA)
    page.run()
    press(page, "Add dataset")
    page.file_uploader[0].upload("again.csv", QA + b"one,more\n")
    check(page.run())

    assert not [warning for warning in page.warning if "`facts`" in warning.value]


def test_a_huge_file_is_named_instead_of_offered(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, open_page: Open
) -> None:
    add(workspace)
    monkeypatch.setattr("streamlit_app.components.download.MAX_BYTES", 10)
    page = choose(open_page("datasets"), 0)

    assert any("uploads/facts/original" in plain.value.replace("\\", "") for plain in page.caption)
    assert not page.get("download_button")
