"""What is recognised by names and by values."""

from typing import Any

import pytest

from core.dataset.format import Format, find_gaps, recognise, recognise_rows

TURNS = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]


@pytest.mark.parametrize(
    ("row", "name", "mapping"),
    [
        ({"messages": TURNS}, "messages", {"turns": "messages"}),
        ({"dialog": TURNS, "id": 1}, "messages", {"turns": "dialog"}),
        ({"talk": [{"from": "human", "value": "a"}]}, "conversations", {"turns": "talk"}),
        (
            {"system": "s", "conversations": TURNS},
            "conversations",
            {"turns": "conversations", "system": "system"},
        ),
        (
            {"instruction": "a", "input": "", "output": "b"},
            "alpaca",
            {"question": "instruction", "answer": "output", "context": "input"},
        ),
        (
            {" Question ": "a", "ANSWER": "b"},
            "question_answer",
            {"question": " Question ", "answer": "ANSWER"},
        ),
        (
            {"query": "a", "response": "b"},
            "prompt_completion",
            {"question": "query", "answer": "response"},
        ),
        (
            {"prompt": "a", "chosen": "b", "rejected": "c", "score": 1},
            "preference",
            {"chosen": "chosen", "rejected": "rejected", "question": "prompt"},
        ),
        (
            {"prompt": "a", "completion": "b", "label": True},
            "labelled",
            {"answer": "completion", "label": "label", "question": "prompt"},
        ),
        (
            {"messages": TURNS, "label": "false"},
            "labelled",
            {"answer": "messages", "label": "label"},
        ),
        (
            {"question": "a", "answer": "b", "label": "geography"},
            "question_answer",
            {"question": "question", "answer": "answer"},
        ),
        ({"text": "a"}, "text", {"text": "text"}),
        ({"lyrics": "a"}, "text", {"text": "lyrics"}),
    ],
)
def test_a_row_is_recognised(row: dict[str, Any], name: str, mapping: dict[str, str]) -> None:
    found = recognise(row)
    assert found is not None
    assert (found.form.name, dict(found.form.mapping)) == (name, mapping)


@pytest.mark.parametrize("row", [{}, {"a": 1}, {"a": "x", "b": "y"}, {"label": True}, {"a": []}])
def test_what_is_unknown_is_not_guessed(row: dict[str, Any]) -> None:
    assert recognise(row) is None


def test_the_confidence_is_the_part_of_the_rows_that_fit() -> None:
    rows = [*3 * [{"question": "a", "answer": "b"}], {"other": "x", "more": "y"}]
    found = recognise_rows(rows)
    assert found is not None
    assert (found.form.name, found.confidence) == ("question_answer", 0.75)
    assert recognise_rows([{"x": 1}, [], None]) is None


def test_a_guess_is_less_sure_than_a_name() -> None:
    usual, alias, guess = (recognise({name: "a"}) for name in ("text", "content", "lyrics"))
    assert usual and alias and guess
    assert usual.confidence > alias.confidence > guess.confidence


def test_gaps_of_a_mapping_are_told() -> None:
    form = Format("question_answer", {"question": "{title}: {body}", "context": "ctx"})
    assert find_gaps(form, ["title", "answer"]) == [
        "choose the column that is the answer",
        "the question names `body`, and there is no such column",
        "the context names `ctx`, and there is no such column",
    ]
    whole = Format("question_answer", {"question": "{title}", "answer": "answer"})
    assert find_gaps(whole, ["title", "answer"]) == []
    assert whole.columns >= {"title", "answer"}
