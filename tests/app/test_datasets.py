"""The page on which datasets are looked at and managed."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from core.dataset.card import find_dataset, list_datasets
from core.dataset.table import Found, TableRow
from core.dataset.trash import list_trash
from core.paths import Workspace
from streamlit_app.components import dataset_rows
from tests import adding
from tests.app.conftest import Open, check, field_key, press
from tests.app.furnished import Furnished

QA = b"question,answer\n" + b"".join(b"What is %d?,It is %d.\n" % (n, n) for n in range(30))
TABS = {
    "rows": ":material/table_rows: Rows",
    "learned": ":material/school: What is learned",
    "manage": ":material/folder_managed: Manage",
}


@pytest.fixture
def workspace(place: Furnished) -> Workspace:
    place.beat()
    return place.workspace


def add(workspace: Workspace, name: str = "facts", content: bytes = QA, **choices: object) -> None:
    adding.add(workspace, "source.csv", content, name=name, **choices)


def choose(page: AppTest, row: int) -> AppTest:
    selection = {"rows": [row], "columns": [], "cells": []}
    page.session_state["dataset_table"] = {"selection": selection}
    return check(page.run())


def turn_to(page: AppTest, tab: str) -> AppTest:
    page.session_state["dataset_tabs"] = TABS[tab]
    return check(page.run())


def texts(page: AppTest) -> str:
    return "\n".join(element.value for element in page.text)


def facts(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def table_with(page: AppTest, column: str):
    return next(table.value for table in page.dataframe if column in table.value)


def test_an_empty_workspace_teaches_the_formats(workspace: Workspace, open_page: Open) -> None:
    page = open_page("datasets")

    examples = "\n".join(code.value for code in page.code)
    for word in ("messages", "question,answer", "instruction", "chosen"):
        assert word in examples
    assert page.segmented_control(key="dataset_way").options[0] == "Upload"


def test_the_shelf_tells_what_each_dataset_holds(workspace: Workspace, open_page: Open) -> None:
    add(workspace, content=QA + b"no answer,\n", validation=0.1)
    add(workspace, "other", b"text\nSome words.\n", version_of="facts")
    page = open_page("datasets")

    shelf = page.dataframe[0].value
    assert shelf["Name"].tolist() == ["facts", "facts-v2"]
    assert shelf["Version"].tolist() == ["", "v2"]
    assert shelf["Rows"].tolist() == [27, 1]
    assert shelf["Validation"].tolist() == [3, 0]
    assert shelf["Left out"].tolist() == [1, 0]
    assert shelf["Format"].tolist() == ["Question and answer \u00b7 chat", "Plain text"]


def test_a_link_opens_a_dataset_and_a_tab(workspace: Workspace, open_page: Open) -> None:
    add(workspace)
    page = open_page("datasets", dataset="facts", tab="manage")

    assert page.subheader[0].value == "facts"
    assert page.button(key="dataset-rename")
    assert page.query_params["dataset"] == "facts"
    assert "tab" not in page.query_params


def test_a_link_to_a_dataset_that_is_gone_says_so(workspace: Workspace, open_page: Open) -> None:
    page = open_page("datasets", dataset="<b>gone</b>")

    assert "There is no dataset" in page.warning[0].value
    assert "<b>" not in page.warning[0].value


def test_the_overview_has_numbers_columns_and_what_was_left_out(
    workspace: Workspace, open_page: Open
) -> None:
    rows = b"".join(b"Q%d?,A%d.,note\n" % (n, n) for n in range(20))
    content = b"question,answer,source\n" + rows + b"Q1?,A1.,again\nq1?,a1. ,again\nno answer,,x\n"
    add(workspace, content=content, validation=0.2, seed=7, system_prompt="Be kind.")
    page = choose(open_page("datasets"), 0)

    told = "\n".join(element.value for element in page.markdown)
    assert facts(page)["Rows left out"] == "1"
    assert facts(page)["Longest row (letters)"] == "18"
    assert "seed 7" in told
    assert "1 row to the letter, 1 more but for case and spaces" in told
    assert "**Left out columns:** source" in told
    assert "Be kind." in texts(page)
    columns = table_with(page, "Used as").set_index("Column")
    assert columns.loc["question", "Used as"] == "Question"
    assert columns.loc["source", "Used as"] == "left out"
    assert columns.loc["answer", "Empty"] == 1
    bad = table_with(page, "Reason")
    assert bad["Line"].tolist() == [24]
    assert bad["Reason"].tolist() == ["`answer` is empty"]
    assert page.get("plotly_chart")


def test_bad_rows_are_shown_a_page_at_a_time(workspace: Workspace, open_page: Open) -> None:
    add(workspace, content=QA + b"no answer,\n" * 130)
    page = choose(open_page("datasets"), 0)
    assert len(table_with(page, "Reason")) == 50
    page.session_state["bad-rows facts-page"] = 3
    check(page.run())

    assert table_with(page, "Reason")["Line"].tolist() == list(range(132, 162))


def test_rows_are_shown_as_text_whatever_stands_in_them(
    workspace: Workspace, open_page: Open
) -> None:
    evil = b"question,answer,<script>x</script>\n<script>alert(1)</script>,**bold** :smile:,x\n"
    add(workspace, content=evil)
    page = choose(open_page("datasets"), 0)
    assert not any("<script>" in element.value for element in page.markdown)
    turn_to(page, "rows")

    assert "<script>alert(1)</script>" in texts(page)
    assert "**bold** :smile:" in texts(page)
    assert not any("<script>" in element.value for element in page.markdown)


def test_other_rows_can_be_asked_for(workspace: Workspace, open_page: Open) -> None:
    add(workspace)
    page = turn_to(choose(open_page("datasets"), 0), "rows")
    before = texts(page)
    press(page, "Others")

    assert texts(page) != before


def test_the_table_is_paged_searched_and_opens_a_row(workspace: Workspace, open_page: Open) -> None:
    many = b"question,answer\n" + b"".join(b"Is it %d?,It is %d.\n" % (n, n) for n in range(120))
    add(workspace, content=many)
    page = turn_to(choose(open_page("datasets"), 0), "rows")
    page.segmented_control(key="rows_way").set_value("As a table").run()
    table = table_with(page, "Question")
    assert table["Line"].tolist() == list(range(1, 51))
    assert table["Answer"][0] == "It is 0."

    page.text_input(key="rows_search facts").set_value("IS IT 7?").run()
    assert table_with(page, "Question")["Line"].tolist() == [8]
    train = workspace.dataset("facts").train
    key = f"found facts {train.name} IS IT 7? 8"
    page.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    check(page.run())
    assert "It is 7." in texts(page)

    page.text_input(key="rows_search facts").set_value("nowhere").run()
    assert any("No row holds" in caption.value for caption in page.caption)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Found([], False), "None found so far"),
        (Found([TableRow(3, {"messages": []})], False), "1 row found so far"),
        (Found([TableRow(n, {"messages": []}) for n in range(1000)], False), "The first 1,000"),
    ],
)
def test_a_search_that_ran_out_of_time_says_how_far_it_got(
    workspace: Workspace,
    open_page: Open,
    monkeypatch: pytest.MonkeyPatch,
    found: Found,
    told: str,
) -> None:
    monkeypatch.setattr(dataset_rows, "search", lambda *_: found)
    add(workspace)
    page = turn_to(choose(open_page("datasets"), 0), "rows")
    page.segmented_control(key="rows_way").set_value("As a table").run()
    page.text_input(key="rows_search facts").set_value("nowhere").run()

    captions = "\n".join(caption.value for caption in check(page).caption)
    assert told in captions and "No row holds" not in captions


def test_pairs_are_shown_side_by_side_and_labels_with_a_thumb(
    workspace: Workspace, open_page: Open
) -> None:
    pair = {"prompt": "Say hello", "chosen": "Hello!", "rejected": "What?"}
    adding.add(workspace, "pairs.jsonl", json.dumps(pair).encode())
    label = {"prompt": "Say hello", "completion": "Hello!", "label": True}
    adding.add(workspace, "thumbs.jsonl", json.dumps(label).encode())
    page = turn_to(open_page("datasets", dataset="pairs"), "rows")
    captions = "\n".join(caption.value for caption in page.caption)
    assert "Better answer" in captions and "Worse answer" in captions
    assert "What?" in texts(page)

    page = turn_to(open_page("datasets", dataset="thumbs"), "rows")
    assert any("Good answer" in element.value for element in page.markdown)


def test_a_deleted_dataset_can_be_brought_back_at_once(
    workspace: Workspace, open_page: Open
) -> None:
    add(workspace)
    page = turn_to(choose(open_page("datasets"), 0), "manage")
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
    page = turn_to(choose(open_page("datasets"), 0), "manage")
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

    assert page.selectbox(key=field_key(page, "dataset")).value == "b-second"


def test_training_on_a_dataset_opens_the_form_though_yaml_was_open(
    workspace: Workspace, open_page: Open
) -> None:
    add(workspace, "a-first")
    add(workspace, "b-second", QA + b"one,more\n")
    page = open_page("new_run")
    page.segmented_control(key=field_key(page, "mode")).set_value("YAML").run()
    page.switch_page("views/datasets.py")
    page.query_params["dataset"] = "b-second"
    press(check(page.run()), "Train on it")

    assert page.selectbox(key=field_key(page, "dataset")).value == "b-second"


def test_a_click_means_the_dataset_that_was_shown_when_another_has_come_since(
    workspace: Workspace, open_page: Open
) -> None:
    add(workspace, "b-first")
    page = open_page("datasets")
    add(workspace, "a-later", QA + b"one,more\n")
    choose(page, 0)

    assert page.subheader[0].value == "b\\-first"


def test_a_dataset_gets_another_name(workspace: Workspace, open_page: Open) -> None:
    add(workspace)
    page = turn_to(choose(open_page("datasets"), 0), "manage")
    page.text_input(key="rename facts").set_value("Better Facts").run()
    page.button(key="dataset-rename").click().run()
    check(page)

    assert [one.name for one in list_datasets(workspace)] == ["better-facts"]
    assert page.subheader[0].value == r"better\-facts"


def test_a_new_version_is_begun_from_the_dataset(workspace: Workspace, open_page: Open) -> None:
    add(workspace)
    page = turn_to(choose(open_page("datasets"), 0), "manage")
    page.button(key="dataset-version").click().run()

    assert any("new version of facts" in info.value for info in page.info)


@pytest.mark.parametrize("how", ["rename", "delete"])
def test_nothing_becomes_a_version_of_a_dataset_that_is_gone(
    workspace: Workspace, open_page: Open, how: str
) -> None:
    add(workspace)
    page = turn_to(choose(open_page("datasets"), 0), "manage")
    page.button(key="dataset-version").click().run()
    if how == "rename":
        page.text_input(key="rename facts").set_value("better").run()
        page.button(key="dataset-rename").click().run()
    else:
        page.button(key="dataset-delete").click().run()
        page.button(key="dataset-really").click().run()
    check(page)

    assert find_dataset(workspace, "facts") is None
    assert not any("new version" in info.value for info in page.info)


def test_rows_can_be_taken_along_in_formats_that_fit(workspace: Workspace, open_page: Open) -> None:
    add(workspace)
    page = turn_to(choose(open_page("datasets"), 0), "manage")
    formats = page.selectbox(key="export facts")
    assert "Alpaca (.jsonl)" in formats.options
    formats.set_value("alpaca.jsonl").run()

    assert [button.proto.label for button in page.get("download_button")][-1] == "Download"


def test_a_format_that_one_row_does_not_fit_into_is_refused_by_its_line(
    workspace: Workspace, open_page: Open
) -> None:
    turns = [("user", "a"), ("assistant", "b")]
    rows = [turns, turns * 2]
    lines = [
        json.dumps({"messages": [{"role": role, "content": text} for role, text in row]})
        for row in rows
    ]
    adding.add(workspace, "chats.jsonl", "\n".join(lines).encode())
    page = turn_to(open_page("datasets", dataset="chats"), "manage")
    page.selectbox(key="export chats").set_value("alpaca.jsonl").run()

    assert "line 2" in page.warning[0].value.lower()


def test_a_huge_file_is_named_instead_of_offered(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, open_page: Open
) -> None:
    add(workspace)
    monkeypatch.setattr("streamlit_app.components.download.MAX_BYTES", 10)
    page = turn_to(choose(open_page("datasets"), 0), "manage")

    assert any("uploads/facts/original" in plain.value.replace("\\", "") for plain in page.caption)
    assert not page.get("download_button")
