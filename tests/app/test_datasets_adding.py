"""Adding a dataset: from a source to the choices, and from these to the dataset."""

import gzip
import json
import os

import pytest
from streamlit.testing.v1 import AppTest

from core.dataset.arrival.arrival import Arrival, State, find_arrival, list_arrivals
from core.dataset.card import find_dataset, list_datasets
from core.paths import Workspace
from core.safe_yaml import load_yaml_mapping
from tests import adding
from tests.app.arriving import carry_out, upload
from tests.app.conftest import Open, check, everything, press
from tests.app.furnished import Furnished

QA = b"question,answer\n" + b"".join(b"What is %d?,It is %d.\n" % (n, n) for n in range(30))
POSTS = b"title,body,author\n" + b"".join(b"T%d,B%d,me\n" % (n, n) for n in range(5))


@pytest.fixture
def workspace(place: Furnished) -> Workspace:
    place.workspace.configs.mkdir()
    place.workspace.settings.write_text("min_free_disk_gib: 0\n")
    place.beat()
    return place.workspace


def finish(workspace: Workspace, page: AppTest) -> AppTest:
    """The page after the button, and after the import that was asked for."""
    press(page, "Add dataset")
    carry_out(workspace)
    return check(page.run())


def wish(arrival: Arrival) -> dict[str, object]:
    return load_yaml_mapping(arrival.paths.import_request.read_text())


def part_key(arrival: Arrival, form: str, part: str) -> str:
    return f"import_part_{form}_{part}_{arrival.id}"


def choose_format(page: AppTest, arrival: Arrival, form: str) -> AppTest:
    return check(page.selectbox(key=f"import_format_{arrival.id}").set_value(form).run())


def map_part(page: AppTest, arrival: Arrival, form: str, part: str, choice: str) -> AppTest:
    return check(page.selectbox(key=part_key(arrival, form, part)).set_value(choice).run())


def test_an_upload_is_recognised_and_becomes_a_dataset(
    workspace: Workspace, open_page: Open
) -> None:
    arrival = upload(workspace, "My facts.csv", QA + b"no answer,\n")
    page = open_page("datasets", arrival=arrival.id)
    told = everything(page)
    assert "Question and answer**, 100 % sure by the first 31 rows" in told
    assert "columns used: **question**, **answer**; nothing left out" in told
    assert "line 32" in told and "`answer` is empty" in told
    page.segmented_control(key=f"import_aside_{arrival.id}").set_value("A part").run()
    finish(workspace, page)

    dataset = find_dataset(workspace, "my-facts")
    assert dataset is not None
    assert (dataset.rows, dataset.validation_rows) == (27, 3)
    assert "Added my" in page.success[0].value
    assert "27 rows" in page.success[0].value and "1 bad row left out" in page.success[0].value
    assert page.query_params["dataset"] == "my-facts"


def test_three_rows_are_shown_beside_what_they_become(
    workspace: Workspace, open_page: Open
) -> None:
    arrival = upload(workspace, "facts.csv", QA)
    page = open_page("datasets", arrival=arrival.id)
    raw = [code.value for code in page.code]
    assert len(raw) == 3 and '"question": "What is 0?"' in raw[0]
    assert "It is 2." in [element.value for element in page.text]

    page.text_area(key=f"import_system_{arrival.id}").set_value("Be brief.").run()
    assert "Be brief." in [element.value for element in page.text]
    press(page, "Other rows")
    assert '"question": "What is 3?"' in page.code[0].value


def test_columns_with_other_names_are_mapped_and_merged_by_a_template(
    workspace: Workspace, open_page: Open
) -> None:
    arrival = upload(workspace, "posts.csv", POSTS)
    page = open_page("datasets", arrival=arrival.id)
    assert "not recognised" in page.warning[0].value
    assert page.button(key="import-add").disabled
    choose_format(page, arrival, "question_answer")
    assert "Choose the column that is the question" in page.info[-1].value
    map_part(page, arrival, "question_answer", "question", "column author")
    map_part(page, arrival, "question_answer", "answer", "template")
    template = f"import_template_question_answer_answer_{arrival.id}"
    page.text_area(key=template).set_value("{title}: {nobody}").run()
    assert "`nobody`" in page.info[-1].value
    page.text_area(key=template).set_value("{title}:\n\n{body}").run()
    assert "T1:\n\nB1" in [element.value for element in page.text]
    finish(workspace, page)

    dataset = find_dataset(workspace, "posts")
    assert dataset is not None
    assert dataset.mapping == {"question": "author", "answer": "{title}:\n\n{body}"}


def test_another_format_finds_its_columns_by_their_names(
    workspace: Workspace, open_page: Open
) -> None:
    row = {"prompt": "Hi", "chosen": "Hello!", "rejected": "What?", "id": 7}
    arrival = upload(workspace, "pairs.jsonl", json.dumps(row).encode())
    page = open_page("datasets", arrival=arrival.id)
    told = everything(page)
    assert "Preference pairs" in told and "left out: **id**" in told
    choose_format(page, arrival, "prompt_completion")

    question = page.selectbox(key=part_key(arrival, "prompt_completion", "question"))
    answer = page.selectbox(key=part_key(arrival, "prompt_completion", "answer"))
    assert (question.value, answer.value) == ("column prompt", "column chosen")


def test_a_row_that_would_be_left_out_shows_why_and_can_stop_the_import(
    workspace: Workspace, open_page: Open
) -> None:
    arrival = upload(workspace, "facts.csv", b"question,answer\nno answer,\nWhat?,That.\n")
    page = open_page("datasets", arrival=arrival.id)
    assert any("Left out: `answer` is empty" in warning.value for warning in page.warning)
    page.segmented_control(key=f"import_bad_{arrival.id}").set_value("stop").run()
    assert any("stop at the first" in warning.value for warning in page.warning)
    finish(workspace, page)

    assert list_datasets(workspace) == []
    assert any("Line 2" in error.value for error in page.error)
    press(page, "Try again with other choices")
    page.segmented_control(key=f"import_bad_{arrival.id}").set_value("drop").run()
    finish(workspace, page)
    assert find_dataset(workspace, "facts")


def test_a_file_that_cannot_be_read_says_why(workspace: Workspace, open_page: Open) -> None:
    arrival = upload(workspace, "a.csv", b"%PDF-1.7 \x00\x01 nothing of the kind")
    page = open_page("datasets", arrival=arrival.id)

    assert "PDF" in page.error[0].value
    assert not [button for button in page.button if button.label == "Add dataset"]


def test_markup_in_names_and_cells_stays_text(workspace: Workspace, open_page: Open) -> None:
    evil = b"<b>x</b>,![a](http://b.c/d)\n<script>1</script>,:smile: **y**\n"
    arrival = upload(workspace, "<i>evil.csv", evil)
    page = open_page("datasets", arrival=arrival.id)
    choose_format(page, arrival, "question_answer")
    map_part(page, arrival, "question_answer", "question", "column <b>x</b>")
    map_part(page, arrival, "question_answer", "answer", "column ![a](http://b.c/d)")

    markdown = [*page.markdown, *page.caption, *page.warning, *page.info, *page.subheader]
    assert not any("<b>" in one.value or "<i>" in one.value for one in markdown)
    assert not any("![a](" in one.value for one in markdown)
    assert "<script>1</script>" in [element.value for element in page.text]


def test_the_same_file_is_offered_and_can_be_stored_again(
    workspace: Workspace, open_page: Open
) -> None:
    adding.add(workspace, "facts.csv", QA)
    arrival = upload(workspace, "again.csv", QA)
    page = open_page("datasets", arrival=arrival.id)
    assert "already here as **facts**" in page.warning[0].value
    assert page.button(key="import-add").disabled

    page.toggle(key=f"import_again_{arrival.id}").set_value(True).run()
    finish(workspace, page)
    assert {one.name for one in list_datasets(workspace)} == {"facts", "again"}


def test_the_dataset_that_is_there_already_can_be_used_instead(
    workspace: Workspace, open_page: Open
) -> None:
    adding.add(workspace, "facts.csv", QA)
    page = open_page("datasets", arrival=upload(workspace, "again.csv", QA).id)
    press(page, "Use that one")

    assert page.query_params["dataset"] == "facts"
    assert list_arrivals(workspace) == []


def test_a_file_of_the_same_name_becomes_a_new_version(
    workspace: Workspace, open_page: Open
) -> None:
    adding.add(workspace, "facts.csv", QA)
    arrival = upload(workspace, "facts.csv", QA + b"one,more\n")
    page = open_page("datasets", arrival=arrival.id)
    assert any(r"facts\-v2" in caption.value for caption in page.caption)
    finish(workspace, page)

    made = find_dataset(workspace, "facts-v2")
    assert made and made.version_of == "facts" and made.rows == 31


def test_a_file_of_the_same_name_can_be_something_else(
    workspace: Workspace, open_page: Open
) -> None:
    adding.add(workspace, "facts.csv", QA)
    arrival = upload(workspace, "facts.csv", QA + b"one,more\n")
    page = open_page("datasets", arrival=arrival.id)
    page.segmented_control(key=f"import_as_{arrival.id}").set_value("A new dataset").run()
    name = page.text_input(key=f"import_name_{arrival.id}")
    assert name.placeholder == "facts-2"
    name.set_value("facts").run()
    assert "already" in page.error[0].value and page.button(key="import-add").disabled
    page.text_input(key=f"import_name_{arrival.id}").set_value("").run()
    finish(workspace, page)
    assert find_dataset(workspace, "facts-2")


def test_rows_and_seed_of_the_validation_are_handed_over(
    workspace: Workspace, open_page: Open
) -> None:
    arrival = upload(workspace, "facts.csv", QA)
    page = open_page("datasets", arrival=arrival.id)
    page.segmented_control(key=f"import_aside_{arrival.id}").set_value("Rows").run()
    page.number_input(key=f"import_rows_{arrival.id}").set_value(4).run()
    page.number_input(key=f"import_seed_{arrival.id}").set_value(9).run()
    press(page, "Add dataset")

    assert (wish(arrival)["validation"], wish(arrival)["seed"]) == (4.0, 9)


def test_another_file_can_be_the_validation(workspace: Workspace, open_page: Open) -> None:
    arrival = upload(workspace, "facts.csv", QA)
    held = upload(
        workspace, "held.csv", b"question,answer\nWhat is new?,This.\nWhat is 1?,It is 1.\n"
    )
    page = open_page("datasets", arrival=arrival.id)
    page.segmented_control(key=f"import_aside_{arrival.id}").set_value("Another file").run()
    assert "Choose the file with the validation rows" in page.info[-1].value
    page.selectbox(key=f"import_held_{arrival.id}").set_value(held.id).run()
    finish(workspace, page)

    made = find_dataset(workspace, "facts")
    assert made and (made.rows, made.validation_rows, made.report.leaked_rows) == (30, 1, 1)
    assert find_arrival(workspace, held.id) is None


def test_a_file_on_this_machine_is_read_only_from_allowed_folders(
    workspace: Workspace, open_page: Open
) -> None:
    (workspace.root / "rows.csv.gz").write_bytes(gzip.compress(QA))
    page = open_page("datasets")
    page.segmented_control(key="dataset_way").set_value("This machine").run()
    page.text_input(key="dataset_path").set_value("/etc/hosts.csv").run()
    press(page, "Look inside")
    assert "none of the allowed folders" in page.error[0].value

    page.text_input(key="dataset_path").set_value("rows.csv.gz").run()
    press(page, "Look inside")
    assert "compressed" in everything(page)
    finish(workspace, page)
    assert find_dataset(workspace, "rows")
    assert (workspace.root / "rows.csv.gz").exists()


def test_what_lies_in_the_inbox_is_offered_with_its_size(
    workspace: Workspace, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.dataset.arrival.inbox.SETTLED_S", 0.0)
    workspace.inbox.mkdir(parents=True)
    (workspace.inbox / "big.csv").write_bytes(QA)
    (workspace.inbox / "music.mp3").write_bytes(b"la")
    odd = workspace.inbox / os.fsdecode(b"gr\xfc\xdfe.csv")
    odd.write_bytes(QA)
    page = open_page("datasets")
    page.segmented_control(key="dataset_way").set_value("This machine").run()
    inbox = page.selectbox(key="dataset_inbox")
    assert inbox.options == [
        f"big.csv ({len(QA)} B)",
        f"gr??e.csv ({len(QA)} B, cannot be read)",
        "music.mp3 (2 B, cannot be read)",
    ]

    inbox.set_value(str(odd)).run()
    assert "Rename it" in page.warning[0].value
    inbox = page.selectbox(key="dataset_inbox")
    inbox.set_value(str(workspace.inbox / "music.mp3")).run()
    assert "cannot be read" in page.warning[0].value
    page.selectbox(key="dataset_inbox").set_value(str(workspace.inbox / "big.csv")).run()
    press(page, "Look inside")
    assert page.query_params["arrival"] == list_arrivals(workspace)[0].id


def test_a_folder_of_texts_becomes_one_dataset(workspace: Workspace, open_page: Open) -> None:
    folder = workspace.root / "books"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text(f"Chapter {number} began.\n\nIt ended.\n")
    page = open_page("datasets")
    page.segmented_control(key="dataset_way").set_value("This machine").run()
    page.text_input(key="dataset_path").set_value("books").run()
    press(page, "Look inside")
    assert "Plain text" in everything(page)
    finish(workspace, page)

    made = find_dataset(workspace, "books")
    assert made and made.kind == "completion" and made.rows == 6


def test_that_the_hub_is_off_is_said_at_once(workspace: Workspace, open_page: Open) -> None:
    workspace.settings.write_text("hub: offline\n")
    page = open_page("datasets")
    page.segmented_control(key="dataset_way").set_value("Hugging Face Hub").run()

    assert "hub: offline" in page.warning[0].value
    assert not [one for one in page.text_input if one.label == "Dataset"]


def test_a_dataset_of_the_hub_is_asked_for(workspace: Workspace, open_page: Open) -> None:
    page = open_page("datasets")
    page.segmented_control(key="dataset_way").set_value("Hugging Face Hub").run()
    page.text_input(key="dataset_hub").set_value("org/name with spaces").run()
    press(page, "Fetch")
    assert "no dataset of the Hub" in page.error[0].value

    page.text_input(key="dataset_hub").set_value("org/name").run()
    page.text_input(key="dataset_split").set_value("test").run()
    press(page, "Fetch")
    (arrival,) = list_arrivals(workspace)
    assert (arrival.place, arrival.split, arrival.state) == (
        "org/name",
        "test",
        State.WAITING_TO_FETCH,
    )
    assert any("Waits for its turn" in caption.value for caption in page.caption)


def test_an_arrival_can_wait_and_be_taken_up_again(workspace: Workspace, open_page: Open) -> None:
    arrival = upload(workspace, "facts.csv", QA)
    page = open_page("datasets", arrival=arrival.id)
    press(page, "Not now")
    assert not [button for button in page.button if button.label == "Add dataset"]
    press(page, "Choose what its rows are")
    finish(workspace, page)
    assert find_dataset(workspace, "facts")
