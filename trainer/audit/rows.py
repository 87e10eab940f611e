"""The rows that Axolotl would read, and what its own strategies make of each."""

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from trainer.audit.answers import AnswerMaker, Answers
from trainer.audit.chats import ChatReader, can_read
from trainer.audit.lines import Lines, explain_unreadable
from trainer.audit.reasons import explain_row
from trainer.audit.tally import Row, Tally, Tokens

MAX_SUSPECTS = 10_000
Made = list[Tokens] | Answers | None


@dataclass(frozen=True)
class Caught:
    """A strategy of Axolotl and the dataset that it would have been mapped over."""

    strategy: Any
    dataset: Any


class Source:
    """One dataset of the config, read as Axolotl reads it."""

    def __init__(self, entry: Any, dataset: Any, maker: Any, is_validation: bool) -> None:
        self.entry = entry
        self.dataset = dataset
        self.is_validation = is_validation
        self.lines = Lines(entry, dataset)
        self._maker = maker
        self._reader = ChatReader(maker) if can_read(maker) else None
        self.messages = getattr(getattr(maker, "prompter", None), "field_messages", "")

    def __len__(self) -> int:
        return len(self.dataset)

    def read(self, indices: range | list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
        """The rows at the indices, each with its own."""
        at = slice(indices.start, indices.stop) if isinstance(indices, range) else indices
        columns = self.dataset[at]
        names = list(columns)
        for index, values in zip(indices, zip(*columns.values(), strict=True), strict=True):
            yield index, dict(zip(names, values, strict=True))

    def find_suspects(self) -> list[int]:
        """Rows without any turns: they would be missed where not all rows are looked at."""
        return find_turnless(self.dataset, self.messages)[:MAX_SUSPECTS]

    def make_all(self, rows: list[dict[str, Any]]) -> Iterator[Made | Exception]:
        """What Axolotl makes of each row, or what it raises there."""
        quick = self._reader.make(rows) if self._reader else itertools.repeat(None)
        for row, made in zip(rows, quick, strict=False):
            try:
                yield self.make(row) if made is None else made
            except Exception as error:
                yield error

    def check_reader(self, indices: range | list[int]) -> bool:
        """Whether many chats at once become what each becomes alone; if not, that is given up."""
        if self._reader is None:
            return True
        rows = [row for _, row in self.read(indices)]
        together = list(self._reader.make(copy.deepcopy(rows)))
        self._reader, reader = None, self._reader
        for made, alone in zip(together, self.make_all(rows), strict=True):
            if made is not None and made != alone:
                return False
        self._reader = reader
        return True

    def make(self, row: dict[str, Any]) -> Made:
        """What Axolotl makes of the row; None when its strategy passes it by.

        Raises what Axolotl raises at the row.
        """
        if isinstance(self._maker, AnswerMaker):
            return self._maker.make(row)
        if self._maker is None:
            return [Tokens(row["input_ids"], row["labels"])]
        if self._maker.filter_rows and not self._maker.filter_rows(row):
            return None
        return make_tokens(self._maker, row)

    def explain(self, row: dict[str, Any], error: BaseException) -> str:
        """Why Axolotl stops at the row, for people."""
        return explain_row(row, error, self.messages)


def find_turnless(dataset: Any, messages: str) -> list[int]:
    """The rows whose column of turns is missing or empty; a look at lengths, not at turns."""
    import pyarrow.compute as pc

    if messages not in dataset.column_names or dataset._indices is not None:
        return []
    column = dataset.data.column(messages)
    is_odd = pc.is_null(column)
    if str(column.type).startswith(("list", "large_list")):
        is_odd = pc.or_(is_odd, pc.fill_null(pc.equal(pc.list_value_length(column), 0), True))
    return [int(at) for at in is_odd.to_numpy().nonzero()[0]]


def make_tokens(strategy: Any, row: dict[str, Any]) -> list[Tokens]:
    """What the strategy makes of a row, as Axolotl calls it: some get several rows at once."""
    if not strategy.supports_batched:
        made = strategy.tokenize_prompt(row)
        return [Tokens(list(made["input_ids"]), list(made["labels"]))]
    made = strategy.tokenize_prompt({name: [value] for name, value in row.items()})
    if not made:
        return []
    return [
        Tokens(list(ids), list(labels))
        for ids, labels in zip(made["input_ids"], made["labels"], strict=True)
    ]


def open_sources(cfg: Any, tokenizer: Any) -> list[Source]:
    """Every dataset of the config; those for validation are only looked at for what would fail.

    Raises DatasetError for one that cannot be read, else what Axolotl raises at its type.
    """
    from axolotl.utils.data.shared import datasets_with_name_generator

    sources = []
    for split in ("train", "test"):
        entries = cfg.datasets if split == "train" else cfg.test_datasets
        for number, entry in enumerate(datasets_with_name_generator(entries or [])):
            open_one = open_answers if cfg.rl else open_tokens
            dataset, maker = open_one(cfg, tokenizer, entry, split, number)
            sources.append(Source(entry, dataset, maker, split == "test"))
    return sources


def open_tokens(cfg: Any, tokenizer: Any, entry: Any, split: str, number: int) -> tuple[Any, Any]:
    """The dataset and its strategy, found by Axolotl's own code, which maps nothing here."""
    from axolotl.utils.data import sft, wrappers

    load_as_told = sft.load_dataset_with_config

    def load(*arguments: Any, **options: Any) -> Any:
        try:
            return load_as_told(*arguments, **options)
        except Exception as error:
            raise explain_unreadable(entry, error) from error

    def catch(strategy: Any, dataset: Any, **options: Any) -> Caught:
        return Caught(strategy, dataset)

    with (
        patch.object(sft, "load_dataset_with_config", load),
        patch.object(wrappers, "wrap_dataset_for_tokenized_prompt", catch),
        patch.object(wrappers, "TokenizedPromptDataset", catch),
    ):
        made, _ = sft._load_and_process_single_dataset(
            dataset_config=entry, cfg=cfg, tokenizer=tokenizer, split=split, seed=cfg.seed
        )
    return (made.dataset, made.strategy) if isinstance(made, Caught) else (made, None)


def open_answers(cfg: Any, tokenizer: Any, entry: Any, split: str, number: int) -> tuple[Any, Any]:
    """The dataset and what makes texts of its rows."""
    from axolotl.utils.data import rl

    try:
        dataset = rl.load_dataset_with_config(entry, cfg.hf_use_auth_token, streaming=False)
    except Exception as error:
        raise explain_unreadable(entry, error) from error
    if isinstance(dataset, dict):
        dataset = dataset["train"]
    maker = AnswerMaker(cfg, entry["type"], number, tokenizer, dataset.column_names)
    return dataset, maker


def count_rows(
    sources: list[Source],
    number: int,
    indices: range | list[int],
    ends: frozenset[int],
    least: int,
) -> Tally:
    """What becomes of these rows of a source; a row at which Axolotl stops is noted."""
    tally, source = Tally(), sources[number]
    tally.rows = 0 if source.is_validation else len(indices)
    rows = list(source.read(indices))
    made_of = source.make_all([row for _, row in rows])
    for (index, row), made in zip(rows, made_of, strict=True):
        place = Row(number, index)
        if isinstance(made, Exception):
            tally.fail(place, source.explain(row, made))
        elif source.is_validation or made is None:
            continue
        elif isinstance(made, Answers):
            tally.add_answers(place, made)
        else:
            tally.add_tokens(place, made, ends, least)
    return tally
