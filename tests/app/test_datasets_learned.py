"""What is learned from a dataset: the audit on its page, token by token."""

import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from core.paths import Workspace
from streamlit_app.audit_words import sample_text
from streamlit_app.length_chart import figure, share_within
from streamlit_app.token_html import draw
from tests import adding
from tests.app.auditing import (
    AUDIT,
    CATALOGUE,
    FILE,
    LETHAL,
    QA,
    TOKENS,
    answer_audit,
    answer_check,
    asked,
    config_in,
)
from tests.app.conftest import Open, check, everything, field_key, press
from tests.app.furnished import Furnished


@pytest.fixture
def workspace(place: Furnished) -> Workspace:
    place.beat()
    place.workspace.configs.mkdir()
    place.workspace.catalogue.write_text(CATALOGUE)
    place.workspace.model_checks.mkdir(parents=True)
    adding.add(place.workspace, "facts.csv", QA)
    answer_check(place.workspace, "org/small")
    return place.workspace


def open_learned(open_page: Open, name: str = "facts") -> AppTest:
    return open_page("datasets", dataset=name, tab="learned")


def facts(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def html(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.get("html"))


def test_the_audit_is_asked_for_and_waited_for(
    place: Furnished, workspace: Workspace, open_page: Open
) -> None:
    page = open_learned(open_page)
    (request,) = asked(workspace)
    config = config_in(request)
    assert config["base_model"] == "org/small"
    assert config["datasets"][0]["path"] == "./uploads/facts/train.jsonl"
    # The first page of all takes longer than a heartbeat counts.
    place.beat()
    page.run()
    assert any("Finding out" in caption.value for caption in page.caption)


def test_without_the_daemon_the_page_says_so(
    place: Furnished, workspace: Workspace, open_page: Open
) -> None:
    place.beat(age_s=600)
    page = open_learned(open_page)

    assert any("as soon as the daemon runs" in caption.value for caption in page.caption)


def test_the_answer_is_told_in_numbers_rows_and_tokens(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_learned(open_page)
    answer_audit(workspace, AUDIT)
    check(page.run())

    numbers = facts(page)
    assert numbers["Rows kept"] == "30 of 40"
    assert numbers["Rows left out"] == "10"
    assert numbers["Nothing to learn"] == "2 rows"
    assert numbers["Of these learned"] == "50 %"
    assert any("do not fit" in warning.value for warning in page.warning)
    named = next(table.value for table in page.dataframe if "Why" in table.value)
    assert named["Line"].tolist() == [3, 9, 12]
    assert "masked" in html(page) and "&lt;script&gt;" in html(page)
    assert "<script>" not in html(page)


def test_the_line_of_the_sequence_length_moves_without_asking_again(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_learned(open_page)
    answer_audit(workspace, AUDIT)
    check(page.run())
    page.number_input(key="learned_length").set_value(2048).run()
    check(page)

    assert facts(page)["Rows kept"] == "40 of 40"
    assert asked(workspace) == []
    press(page, "100 % of the rows: 1,536")
    assert page.number_input(key="learned_length").value == 1536


def test_what_would_stop_a_run_is_told_with_its_line(workspace: Workspace, open_page: Open) -> None:
    page = open_learned(open_page)
    answer_audit(workspace, LETHAL)
    check(page.run())

    assert "line 7" in page.error[0].value and "`roles`" in page.error[0].value


def test_an_audit_whose_process_died_can_be_asked_for_again(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_learned(open_page)
    answer_audit(workspace, {"ok": False, "reason": "the audit was killed (SIGKILL)"})
    check(page.run())
    assert "was killed" in page.warning[0].value
    assert not page.error
    press(page, "Try again")

    assert len(asked(workspace)) == 1


def test_an_audit_that_failed_can_be_asked_for_again(workspace: Workspace, open_page: Open) -> None:
    page = open_learned(open_page)
    answer_audit(workspace, {"ok": False, "reason": "the template is broken", "took_s": 2.0})
    check(page.run())
    assert "template is broken" in page.error[0].value
    press(page, "Try again")

    assert len(asked(workspace)) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("micro_batch_size", 0), ("gradient_accumulation_steps", 0), ("num_epochs", 0.0)],
)
def test_numbers_of_the_form_that_cannot_be_are_said_instead(
    workspace: Workspace, open_page: Open, field: str, value: float
) -> None:
    page = open_page("new_run")
    page.session_state[field_key(page, field)] = value
    page.session_state[field_key(page, "sequence_len")] = 0
    page.switch_page("views/datasets.py")
    page.query_params["dataset"], page.query_params["tab"] = "facts", "learned"
    check(page.run())

    assert f"`{field}` must be from" in page.error[0].value
    assert page.number_input(key="learned_length").value == 8


def test_another_model_or_template_is_another_question(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_learned(open_page)
    answer_check(workspace, "org/big", has_chat_template=False)
    page.selectbox(key="learned_model").set_value("org/big").run()
    check(page)

    config = config_in(asked(workspace)[-1])
    assert (config["base_model"], config["chat_template"]) == ("org/big", "alpaca")
    page.selectbox(key="learned_template org/big").set_value("chatml").run()
    assert config_in(asked(workspace)[-1])["chat_template"] == "chatml"


def test_pairs_can_be_learned_in_two_ways(workspace: Workspace, open_page: Open) -> None:
    pair = {"prompt": "Say hello", "chosen": "Hello!", "rejected": "What?"}
    adding.add(workspace, "pairs.jsonl", json.dumps(pair).encode())
    page = open_learned(open_page, "pairs")
    assert config_in(asked(workspace)[-1])["rl"] == "dpo"
    page.segmented_control(key="learned_rl").set_value("orpo").run()
    check(page)

    config = config_in(asked(workspace)[-1])
    assert (config["rl"], config["datasets"][0]["type"]) == ("orpo", "chat_template.argilla")


def test_a_plan_takes_over_what_was_chosen(workspace: Workspace, open_page: Open) -> None:
    page = open_learned(open_page)
    answer_audit(workspace, AUDIT)
    check(page.run())
    page.number_input(key="learned_length").set_value(1536).run()
    press(page, "Plan a run like this")

    assert page.title[0].value == "New run"
    assert page.number_input(key=field_key(page, "sequence_len")).value == 1536
    assert page.selectbox(key=field_key(page, "dataset")).value == "facts"


def test_a_plan_is_shown_as_a_form_though_the_last_one_was_written_as_yaml(
    workspace: Workspace, open_page: Open
) -> None:
    page = open_page("new_run")
    page.segmented_control(key=field_key(page, "mode")).set_value("YAML").run()
    for request in asked(workspace):
        request.unlink()
    page.switch_page("views/datasets.py")
    page.query_params["dataset"], page.query_params["tab"] = "facts", "learned"
    page.run()
    answer_audit(workspace, AUDIT)
    check(page.run())
    page.number_input(key="learned_length").set_value(1536).run()
    press(page, "Plan a run like this")

    assert page.number_input(key=field_key(page, "sequence_len")).value == 1536


def test_a_plan_for_rows_without_a_template_leaves_it_to_be_found(
    workspace: Workspace, open_page: Open
) -> None:
    adding.add(workspace, "prose.jsonl", b'{"text": "Once upon a time."}\n')
    answer_check(workspace, "org/small", has_chat_template=False)
    page = open_learned(open_page, "prose")
    answer_audit(workspace, AUDIT)
    check(page.run())
    press(page, "Plan a run like this")

    assert page.title[0].value == "New run"
    assert page.session_state[field_key(page, "chat_template")] == "alpaca"


def test_plain_text_is_counted_in_pieces(workspace: Workspace, open_page: Open) -> None:
    adding.add(workspace, "prose.jsonl", b'{"text": "Once upon a time."}\n')
    page = open_learned(open_page, "prose")
    answer_audit(workspace, replace(AUDIT, rows=4, audited_rows=4))
    check(page.run())

    assert facts(page)["Pieces kept"] == "30 of 40"
    assert facts(page)["Nothing to learn"] == "2 rows"
    assert "How long the pieces are" in everything(page)


def test_a_row_is_named_by_what_its_number_counts_and_by_its_file() -> None:
    sample = AUDIT.samples[0]
    assert sample_text(AUDIT, sample).startswith("Line 1 · ")
    several = replace(AUDIT, unit="row", files=2)
    assert sample_text(several, sample).startswith(f"Row 1 of {FILE} · ")


def test_a_sample_of_a_huge_set_is_called_one(workspace: Workspace, open_page: Open) -> None:
    page = open_learned(open_page)
    answer_audit(workspace, replace(AUDIT, rows=4_000_000))
    check(page.run())

    assert "Worked out from 40 rows" in everything(page)
    assert facts(page)["Nothing to learn"] == "200,000 rows"


def test_a_model_that_is_no_good_is_said_instead(workspace: Workspace, open_page: Open) -> None:
    answer_check(workspace, "org/small", ok=False, reason="it is not there")
    page = open_learned(open_page)
    answer_check(workspace, "org/small", ok=False, reason="it is not there")
    check(page.run())

    assert "It is not there" in page.warning[0].value
    assert asked(workspace) == []


def test_tokens_are_escaped_and_told_apart_not_by_colour_alone() -> None:
    drawn = draw(TOKENS, 12)
    assert "[masked]" in drawn and "[learned]" in drawn
    assert '<span class="mark">&lt;|im_end|&gt;</span>' in drawn
    assert "user↵\n&lt;script&gt;" in drawn
    assert "7 more tokens" in drawn


def test_rows_beyond_the_limit_are_bars_of_their_own() -> None:
    chart = figure([(100, 30), (1500, 10)], "tokens", 1024)
    assert [trace.name for trace in chart.data] == ["fits", "too long"]
    assert chart.data[1].marker.pattern.shape == "/"
    assert len(figure([(100, 30)], "characters").data) == 1


def test_the_length_that_a_share_of_the_rows_does_not_pass() -> None:
    lengths = [(10, 90), (100, 9), (1000, 1)]
    assert [share_within(lengths, share) for share in (0.9, 0.99, 1.0)] == [10, 100, 1000]
    assert share_within([], 0.5) == 0
