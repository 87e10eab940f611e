"""The starter's facts and the conversations made of them."""

import csv
import io
from dataclasses import dataclass

from core.errors import DatasetError

Row = dict[str, list[dict[str, str]]]

TRAIN_QUESTIONS = (
    "What is the capital of {country}?",
    "Which city is the capital of {country}?",
    "Name the capital of {country}.",
    "Tell me the capital city of {country}, please.",
)
# Asks for the same facts in words the training never used, so its loss falls only if the
# model learns facts and not sentences.
VALIDATION_QUESTION = "Do you know the capital of {country}?"


@dataclass(frozen=True)
class Fact:
    """A country, as written inside a sentence, and its capital."""

    country: str
    capital: str

    @property
    def answer(self) -> str:
        # "Washington, D.C." brings its own full stop.
        return f"The capital of {self.country} is {self.capital.removesuffix('.')}."


def parse_facts(csv_text: str) -> list[Fact]:
    """The facts of a CSV with the columns `country` and `capital`, in its order."""
    reader = csv.reader(io.StringIO(csv_text))
    header = next(reader, [])
    if header != ["country", "capital"]:
        raise DatasetError(f"facts: the first line must be country,capital, not {header}")
    return [parse_fact(cells, reader.line_num) for cells in reader if cells]


def parse_fact(cells: list[str], line: int) -> Fact:
    """The fact of one CSV row. Raises DatasetError unless it is two filled cells."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if len(cells) != 2 or len(filled) != 2:
        raise DatasetError(f"facts, line {line}: needs a country and its capital, not {cells}")
    return Fact(*filled)


def conversations(facts: list[Fact]) -> tuple[list[Row], list[Row]]:
    """Training rows, several phrasings of each fact, and validation rows, one other phrasing."""
    train = [ask(question, fact) for question in TRAIN_QUESTIONS for fact in facts]
    validation = [ask(VALIDATION_QUESTION, fact) for fact in facts]
    return train, validation


def ask(question: str, fact: Fact) -> Row:
    """One conversation: the question about the fact, and its answer."""
    return {
        "messages": [
            {"role": "user", "content": question.format(country=fact.country)},
            {"role": "assistant", "content": fact.answer},
        ]
    }
