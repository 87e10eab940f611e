"""Rows for Axolotl, of every format."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset.convert import Converter, convert, said_in
from core.dataset.export import EXPORTS
from core.dataset.format import Format, RowError, recognise
from core.dataset.json_line import to_line

USER = {"role": "user", "content": "a"}
GOOD = {"role": "assistant", "content": "b"}
BAD = {"role": "assistant", "content": "c"}
SYSTEM = {"role": "system", "content": "s"}
PAIR = Format("preference", {"chosen": "chosen", "rejected": "rejected", "question": "prompt"})
LABELLED = Format("labelled", {"answer": "completion", "label": "label", "question": "prompt"})


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        {"prompt": [USER], "chosen": "b", "rejected": "c"},
        {"prompt": "a", "chosen": [GOOD], "rejected": [BAD]},
        {"prompt": "ignored", "chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"prompt": "a", "chosen": '[{"role": "gpt", "content": "b"}]', "rejected": "c"},
    ],
)
def test_a_preference_is_one_question_and_two_answers(row: dict[str, Any]) -> None:
    expected = {"messages": [USER], "chosen": [USER, GOOD], "rejected": [USER, BAD]}
    assert convert(row, PAIR) == expected


def test_the_system_prompt_of_a_preference_is_where_both_methods_look_for_it() -> None:
    made = convert({"prompt": "a", "chosen": "b", "rejected": "c"}, PAIR, "s")
    assert made["messages"] == [SYSTEM, USER]
    assert made["chosen"] == [USER, GOOD]
    assert made["system"] == "s"
    assert convert({"chosen": [SYSTEM, USER, GOOD], "rejected": [SYSTEM, USER, BAD]}, PAIR) == made


@pytest.mark.parametrize("label", [True, 1, "1", "True", "good", " yes "])
def test_a_label_tells_good_from_bad(label: Any) -> None:
    made = convert({"prompt": "a", "completion": "b", "label": label}, LABELLED)
    assert made == {"completion": [USER, GOOD], "label": True}
    assert convert({"completion": [USER, BAD], "label": 0}, LABELLED)["label"] is False


@pytest.mark.parametrize(
    ("row", "form", "reason"),
    [
        ({"prompt": "a", "chosen": "b", "rejected": "b"}, PAIR, "nothing to prefer"),
        ({"prompt": "a", "chosen": "b", "rejected": ""}, PAIR, "`rejected` is empty"),
        ({"prompt": "a", "chosen": "b"}, PAIR, "no `rejected`"),
        ({"chosen": "b", "rejected": "c", "prompt": ""}, PAIR, "`prompt` is empty"),
        ({"chosen": [GOOD], "rejected": [BAD], "prompt": []}, PAIR, "no question before"),
        ({"chosen": [USER, GOOD], "rejected": [GOOD, BAD]}, PAIR, "different conversations"),
        ({"chosen": [GOOD, USER], "rejected": "c"}, PAIR, "does not end with the assistant's turn"),
        ({"prompt": "a", "completion": "b", "label": "maybe"}, LABELLED, "the label is maybe"),
        ({"prompt": "a", "completion": "b"}, LABELLED, "the label is null"),
        ({"prompt": 1e300, "completion": "b", "label": 1}, LABELLED, "too long a number"),
        ([], LABELLED, "a list where a JSON object"),
    ],
)
def test_nothing_to_learn_is_told_with_the_reason(row: Any, form: Format, reason: str) -> None:
    with pytest.raises(RowError, match=reason):
        convert(row, form)


def test_a_template_merges_columns_and_never_reads_what_they_hold_as_one() -> None:
    form = Format("question_answer", {"question": "{title}\n\n{body}", "answer": "answer"})
    row = {"title": "{answer}", "body": 7, "answer": "b"}
    assert convert(row, form)["messages"][0]["content"] == "{answer}\n\n7"
    with pytest.raises(RowError, match="no `body`"):
        convert({"title": "x", "answer": "b"}, form)


def test_keys_of_turns_that_are_not_taken_over_are_named() -> None:
    converter = Converter(Format("messages", {"turns": "messages"}))
    converter.convert({"messages": [USER | {"name": "Ada"}, GOOD | {"tool_calls": []}]})
    assert converter.left_out == {"name", "tool_calls"}


texts = st.text(min_size=1, max_size=30).filter(lambda text: not text.isspace())
turns = st.lists(
    st.builds(
        lambda role, content: {"role": role, "content": content},
        st.sampled_from(["user", "assistant", "tool"]),
        texts,
    ),
    min_size=1,
    max_size=5,
).map(lambda some: [*some, {"role": "assistant", "content": "end"}])
chats = st.builds(
    lambda system, some: {"messages": [{"role": "system", "content": system}, *some]}, texts, turns
) | st.builds(lambda some: {"messages": some}, turns)
pairs = st.builds(
    lambda question, good, bad: {"prompt": question, "chosen": good + "+", "rejected": bad + "-"},
    texts,
    texts,
    texts,
)


def back_and_forth(row: dict[str, Any]) -> dict[str, Any]:
    found = recognise(row)
    assert found is not None
    return convert(row, found.form)


@given(
    chats | st.builds(lambda text: {"text": text}, texts) | pairs.map(lambda p: convert(p, PAIR))
)
def test_what_was_converted_converts_to_itself(row: dict[str, Any]) -> None:
    assert back_and_forth(row) == row


@given(chats)
def test_a_chat_comes_back_from_sharegpt_as_it_was(row: dict[str, Any]) -> None:
    assert back_and_forth(json.loads(EXPORTS["sharegpt.jsonl"][0](row))) == row
    assert json.loads(to_line(row)) == row


@given(texts, texts, texts)
def test_nothing_that_was_mapped_is_lost(question: str, answer: str, system: str) -> None:
    form = Format("alpaca", {"question": "q", "answer": "a", "system": "s"})
    row = convert({"q": question, "a": answer, "s": system}, form)
    assert [turn["content"] for turn in row["messages"]] == [system, question, answer]
    assert back_and_forth(json.loads(EXPORTS["alpaca.jsonl"][0](row))) == row
    assert all(word in said_in(row) for word in (question, answer, system))
