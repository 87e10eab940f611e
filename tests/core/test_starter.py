import pytest

from core.errors import DatasetError
from core.paths import CODE_ROOT
from core.starter import TRAIN_QUESTIONS, Fact, conversations, parse_facts

SHIPPED = (CODE_ROOT / "configs" / "starter" / "capitals.csv").read_text(encoding="utf-8")


def questions(rows):
    return [row["messages"][0]["content"] for row in rows]


def answers(rows):
    return [row["messages"][1]["content"] for row in rows]


def test_facts_are_read_in_order_and_a_quoted_comma_belongs_to_the_name():
    text = 'country,capital\nFrance,Paris\nthe United States,"Washington, D.C."\n'
    assert parse_facts(text) == [
        Fact("France", "Paris"),
        Fact("the United States", "Washington, D.C."),
    ]


@pytest.mark.parametrize("line", ["France", "France,", " ,Paris", "France,Paris,Lyon"])
def test_a_row_that_is_not_two_filled_cells_is_refused_with_its_line(line):
    with pytest.raises(DatasetError, match="line 3"):
        parse_facts(f"country,capital\nSpain,Madrid\n{line}\n")


@pytest.mark.parametrize("text", ["", "France,Paris\n", "capital,country\nParis,France\n"])
def test_a_file_without_the_two_columns_is_refused(text):
    with pytest.raises(DatasetError, match="country,capital"):
        parse_facts(text)


def test_the_shipped_facts_are_a_hundred_different_countries_and_capitals():
    facts = parse_facts(SHIPPED)
    assert len(facts) == 100
    assert len({fact.country for fact in facts}) == 100
    assert len({fact.capital for fact in facts}) == 100


def test_every_fact_is_asked_in_every_phrasing_and_all_questions_differ():
    facts = parse_facts(SHIPPED)
    train, validation = conversations(facts)
    assert len(train) == len(facts) * len(TRAIN_QUESTIONS)
    assert len(validation) == len(facts)
    asked = questions(train + validation)
    assert len(set(asked)) == len(asked)


def test_validation_asks_for_the_facts_of_the_training_in_other_words():
    train, validation = conversations(parse_facts(SHIPPED))
    assert set(answers(validation)) == set(answers(train))
    assert not set(questions(validation)) & set(questions(train))


def test_a_row_is_one_question_and_one_answer():
    train, _ = conversations([Fact("France", "Paris")])
    assert train[0] == {
        "messages": [
            {"role": "user", "content": "What is the capital of France?"},
            {"role": "assistant", "content": "The capital of France is Paris."},
        ]
    }


def test_a_capital_that_ends_in_a_full_stop_gets_no_second_one():
    fact = Fact("the United States", "Washington, D.C.")
    assert fact.answer == "The capital of the United States is Washington, D.C."


def test_the_same_facts_give_the_same_rows():
    facts = parse_facts(SHIPPED)
    assert conversations(facts) == conversations(facts)
