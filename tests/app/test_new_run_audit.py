"""What a planned run would learn, on the page where it is started."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from core.paths import Workspace
from core.run.store import Store
from core.safe_yaml import load_yaml_mapping
from streamlit_app import audit_asking
from tests import adding
from tests.app.auditing import AUDIT, CATALOGUE, LETHAL, QA, answer_audit, answer_check, asked
from tests.app.conftest import Open, check, everything, field_key
from tests.app.furnished import Furnished

PAIR = json.dumps({"prompt": "Say hello", "chosen": "Hello!", "rejected": "What?"}).encode()
LABELLED = json.dumps({"prompt": "Say hello", "completion": "Hello!", "label": True}).encode()


@pytest.fixture
def workspace(place: Furnished) -> Workspace:
    place.beat()
    place.workspace.configs.mkdir()
    place.workspace.queue.mkdir(parents=True)
    place.workspace.catalogue.write_text(CATALOGUE)
    place.workspace.model_checks.mkdir(parents=True)
    answer_check(place.workspace, "org/small")
    return place.workspace


def spec_of(page: AppTest) -> dict[str, object]:
    return load_yaml_mapping(page.code[-1].value)


def test_nobody_waits_for_the_audit(
    place: Furnished, workspace: Workspace, open_page: Open
) -> None:
    adding.add(workspace, "facts.csv", QA)
    page = open_page("new_run")
    assert len(asked(workspace)) == 1
    # The first page of all takes longer than a heartbeat counts.
    place.beat()
    page.run()
    assert "Finding out" in everything(page)
    assert not page.button(key="new-start").disabled


def test_what_would_be_learned_is_told_in_a_line(workspace: Workspace, open_page: Open) -> None:
    adding.add(workspace, "facts.csv", QA)
    page = open_page("new_run")
    answer_audit(workspace, AUDIT)
    check(page.run())

    told = everything(page)
    assert "**30 rows** of 40 kept" in told and "steps** per epoch" in told
    assert "do not fit into `sequence_len`" in told
    links = [link.proto for link in page.get("page_link")]
    assert any("What is learned" in link.label for link in links)
    assert not page.button(key="new-start").disabled


def test_what_the_run_would_die_of_stops_the_start(workspace: Workspace, open_page: Open) -> None:
    adding.add(workspace, "facts.csv", QA)
    page = open_page("new_run")
    answer_audit(workspace, LETHAL)
    check(page.run())

    assert page.button(key="new-start").disabled
    assert "line 7" in page.error[0].value


def test_without_the_daemon_the_start_is_not_stopped_and_the_page_says_so(
    place: Furnished, workspace: Workspace, open_page: Open
) -> None:
    adding.add(workspace, "facts.csv", QA)
    place.beat(age_s=600)
    page = open_page("new_run")

    assert "as soon as the daemon runs" in everything(page)
    page.button(key="new-start").click().run()
    assert Store(workspace).dropped()


def test_an_audit_that_could_not_be_made_stops_nothing(
    workspace: Workspace, open_page: Open
) -> None:
    adding.add(workspace, "facts.csv", QA)
    page = open_page("new_run")
    answer_audit(workspace, {"ok": False, "reason": "the audit took longer than 600 s"})
    check(page.run())

    assert "took longer" in everything(page)
    assert not page.button(key="new-start").disabled
    page.button(key="audit-again").click().run()
    assert len(asked(workspace)) == 1


def test_an_audit_that_failed_can_be_asked_for_again_and_letters_are_still_guessed(
    workspace: Workspace, open_page: Open
) -> None:
    adding.add(workspace, "facts.csv", b"question,answer\nWhat?," + b"long " * 2000)
    page = open_page("new_run")
    answer_audit(workspace, {"ok": False, "reason": "the template is broken", "took_s": 2.0})
    check(page.run())

    assert page.button(key="new-start").disabled
    assert any("The longest row has about" in warning.value for warning in page.warning)
    page.button(key="audit-again").click().run()
    assert len(asked(workspace)) == 1


def test_a_disk_that_refuses_the_question_is_told_of(
    workspace: Workspace, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise OSError("No space left on device")

    adding.add(workspace, "facts.csv", QA)
    page = open_page("new_run")
    answer_audit(workspace, {"ok": False, "reason": "the audit was killed (SIGKILL)"})
    check(page.run())
    monkeypatch.setattr(audit_asking, "request_audit", refuse)
    page.button(key="audit-again").click().run()

    assert "No space left" in check(page).toast[0].value


def test_the_link_to_the_tokens_asks_about_this_very_draft(
    workspace: Workspace, open_page: Open
) -> None:
    adding.add(workspace, "facts.csv", QA)
    # The tab has been drawn before, with what the form held then.
    page = open_page("datasets", dataset="facts", tab="learned")
    for request in asked(workspace):
        request.unlink()
    page.session_state[field_key(page, "chat_template")] = "phi_35"
    page.switch_page("views/new_run.py").run()
    page.number_input(key=field_key(page, "sequence_len")).set_value(2048).run()
    answer_audit(workspace, AUDIT)
    check(page.run())
    page.switch_page("views/datasets.py")
    page.query_params["dataset"], page.query_params["tab"] = "facts", "learned"
    check(page.run())

    assert page.number_input(key="learned_length").value == 2048
    assert page.selectbox(key="learned_template org/small").value == "phi_35"
    assert asked(workspace) == []
    assert "What is learned, token by token" in everything(page)


def test_the_way_in_which_pairs_are_learned_goes_along(
    workspace: Workspace, open_page: Open
) -> None:
    adding.add(workspace, "pairs.jsonl", PAIR)
    page = open_page("new_run")
    page.segmented_control(key=field_key(page, "rl")).set_value("orpo").run()
    for request in asked(workspace)[:-1]:
        request.unlink()
    answer_audit(workspace, AUDIT)
    check(page.run())
    page.switch_page("views/datasets.py")
    page.query_params["dataset"], page.query_params["tab"] = "pairs", "learned"
    check(page.run())

    assert page.segmented_control(key="learned_rl").value == "orpo"


def test_an_older_answer_is_not_taken_for_another_draft(
    workspace: Workspace, open_page: Open
) -> None:
    adding.add(workspace, "facts.csv", QA)
    page = open_page("new_run")
    answer_audit(workspace, LETHAL)
    check(page.run())
    assert page.button(key="new-start").disabled
    page.selectbox(key=field_key(page, "chat_template")).set_value("chatml").run()

    assert not page.button(key="new-start").disabled
    assert len(asked(workspace)) == 1


def test_a_spec_that_is_written_by_hand_is_looked_at_too(
    workspace: Workspace, open_page: Open
) -> None:
    adding.add(workspace, "facts.csv", QA)
    folder = workspace.models / "mine"
    folder.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (folder / name).touch()
    page = open_page("new_run")
    page.segmented_control(key=field_key(page, "mode")).set_value("YAML").run()
    text = page.text_area(key=field_key(page, "yaml")).value.replace("org/small", "./models/mine")
    for request in asked(workspace):
        request.unlink()
    page.text_area(key=field_key(page, "yaml")).set_value(text).run()
    answer_audit(workspace, LETHAL)
    check(page.run())

    assert page.button(key="new-start").disabled
    assert "line 7" in page.error[0].value


def test_pairs_are_learned_from_as_is_chosen(workspace: Workspace, open_page: Open) -> None:
    adding.add(workspace, "pairs.jsonl", PAIR)
    page = open_page("new_run")
    assert spec_of(page)["rl"] == "dpo"
    page.segmented_control(key=field_key(page, "rl")).set_value("orpo").run()
    check(page)

    spec = spec_of(page)
    assert spec["rl"] == "orpo"
    assert spec["datasets"][0]["type"] == "chat_template.argilla"  # type: ignore[index]


def test_labelled_answers_are_learned_from_with_kto(workspace: Workspace, open_page: Open) -> None:
    adding.add(workspace, "thumbs.jsonl", LABELLED)
    page = open_page("new_run")

    assert spec_of(page)["rl"] == "kto"
    assert "KTO" in everything(page)
    assert not [one for one in page.segmented_control if one.key == field_key(page, "rl")]


def test_another_dataset_forgets_the_method(workspace: Workspace, open_page: Open) -> None:
    adding.add(workspace, "facts.csv", QA)
    adding.add(workspace, "pairs.jsonl", PAIR)
    page = open_page("new_run")
    page.selectbox(key=field_key(page, "dataset")).set_value("pairs").run()
    page.segmented_control(key=field_key(page, "rl")).set_value("orpo").run()
    page.selectbox(key=field_key(page, "dataset")).set_value("facts").run()
    check(page)

    assert "rl" not in spec_of(page)
