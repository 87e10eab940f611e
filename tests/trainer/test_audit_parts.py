"""The parts of the audit that need no Axolotl."""

import errno
import os
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from core.audit.result import Bar
from trainer.audit.__main__ import forget_old, is_machine_trouble
from trainer.audit.chats import find_difference
from trainer.audit.lines import count_lines, find_broken_lines
from trainer.audit.passing import TRIED_ROWS, Pass, count_all, split_rows, spread
from trainer.audit.reasons import explain_row
from trainer.audit.rows import find_turnless
from trainer.audit.tally import MAX_POSITIONS, Row, Tally, Tokens
from trainer.audit.tokens import read_tokens

ENDS = frozenset({9})


def tokens(trained: str) -> Tokens:
    """A row of which the tokens under an x are learned; the last one is an end."""
    ids = [*range(100, 100 + len(trained) - 1), 9]
    return Tokens(ids, [id if x == "x" else -100 for id, x in zip(ids, trained, strict=True)])


def tally_of(*rows: str, begin: int = 0) -> Tally:
    tally = Tally(rows=len(rows))
    for index, row in enumerate(rows, begin):
        tally.add_tokens(Row(0, index), [tokens(row)], ENDS, 2)
    return tally


def test_rows_are_counted_by_length() -> None:
    tally = tally_of("..xx", "...x", "....", "......xx")
    assert [tuple(bar) for bar in tally.histogram()] == [(4, 3, 3, 12, 1), (8, 1, 2, 8, 0)]
    assert tally.nothing.first == [Row(0, 2)]
    assert dict(tally.first_trained) == {2: 1, 3: 1, 6: 1}
    assert list(tally.longest_rows())[:2] == [(8, Row(0, 3)), (4, Row(0, 0))]


def test_learned_tokens_are_counted_up_to_each_position() -> None:
    until = dict(tally_of("..xx", "...x", "......xx").trained_until(5))
    assert [until[at] for at in range(9)] == [0, 0, 0, 1, 3, 3, 3, 4, 5]


def test_of_very_long_rows_some_positions_are_counted_and_the_asked_one() -> None:
    tally = tally_of("." * 50_000 + "x" * 50_000)
    until = tally.trained_until(70_001)
    assert len(until) <= MAX_POSITIONS + 3
    assert dict(until)[70_001] == 20_001 and until[-1][1] == 50_000


def test_counts_of_several_processes_add_up() -> None:
    rows = ["..xx", "....", "......xx", "x", "...x.", "." * 40 + "x"] * 60
    whole = tally_of(*rows)
    parts = Tally()
    for begin in (200, 0, 100, 300):
        parts.merge(tally_of(*rows[begin : begin + 100], begin=begin))
    assert parts.histogram() == whole.histogram()
    assert list(parts.longest_rows()) == list(whole.longest_rows())
    assert parts.trained_until(7) == whole.trained_until(7)
    for name in ("rows", "first_trained", "nothing", "no_end", "too_short", "empty"):
        assert getattr(parts, name) == getattr(whole, name)


def test_an_end_must_be_among_the_last_learned_tokens() -> None:
    tally = Tally()
    for index, trained in enumerate(("..xxx", "..xx.", "xxxxx")):
        tally.add_tokens(Row(0, index), [tokens(trained)], ENDS, 2)
    tally.add_tokens(Row(0, 3), [tokens("..x"), Tokens([5, 6, 7], [5, 6, 7])], ENDS, 2)
    assert tally.no_end.first == [Row(0, 1), Row(0, 3)]


@given(st.text("ab", max_size=20), st.text("ab", max_size=20), st.lists(st.text("ab", max_size=3)))
def test_the_difference_of_two_texts_is_the_part_between_what_they_share(
    a: str, b: str, stand_ins: list[str]
) -> None:
    begin, end = find_difference(a, b, stand_ins)
    assert (begin, end) == find_difference(a, b)
    tail = len(a) - end
    assert a[:begin] == b[:begin] and a[end:] == b[len(b) - tail :]
    assert begin + tail <= min(len(a), len(b))
    if begin + tail < min(len(a), len(b)):
        assert a[begin] != b[begin] and a[end - 1] != b[len(b) - tail - 1]


def test_all_rows_are_parted_or_some_are_spread_evenly() -> None:
    sources: Any = [range(1200), range(10)]
    parts = list(split_rows(sources, 1.0))
    assert [(number, len(part)) for number, part in parts] == [
        (0, 500),
        (0, 500),
        (0, 200),
        (1, 10),
    ]
    (first, second) = split_rows(sources, 0.1)
    assert first == (0, list(range(0, 1200, 10))) and second == (1, [0])
    assert spread(3, 20) == [0, 1, 2] and spread(100, 4) == [0, 25, 50, 75]


class Fake:
    """A source of rows that are their own tokens; at one of them Axolotl would stop."""

    is_validation = False

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def read(self, indices: Any) -> list[tuple[int, dict[str, Any]]]:
        return [(at, {"at": at}) for at in indices]

    def make_all(self, rows: list[dict[str, Any]]) -> list[Any]:
        return [ValueError("odd") if row["at"] == 777 else [tokens("..xx")] for row in rows]

    def explain(self, row: dict[str, Any], error: Exception) -> str:
        return str(error)

    def check_reader(self, indices: Any) -> bool:
        return True

    def find_suspects(self) -> list[int]:
        return [777]


def test_of_too_many_rows_some_are_looked_at_and_those_that_look_odd() -> None:
    sources: Any = [Fake(100_000)]
    tally = count_all(Pass(sources, ENDS, 2), budget_s=0.0)
    assert tally.rows == TRIED_ROWS + 1
    assert tally.reasons == {Row(0, 777): "odd"}
    assert tally.histogram() == (Bar(4, TRIED_ROWS, 2 * TRIED_ROWS, 4 * TRIED_ROWS, 0),)


def test_chats_without_turns_are_found_among_many_rows() -> None:
    turns = [{"role": "user", "content": "x"}]
    dataset = Dataset.from_dict({"messages": [turns, None, turns, [], turns], "id": [*range(5)]})
    assert find_turnless(dataset, "messages") == [1, 3]
    assert find_turnless(dataset, "id") == find_turnless(dataset, "other") == []


def test_all_rows_are_looked_at_where_the_time_allows() -> None:
    sources: Any = [Fake(1500), Fake(10)]
    tally = count_all(Pass(sources, ENDS, 2), cores=2)
    assert tally.rows == 1510 and tally.failed.first == [Row(0, 777)]
    assert sum(bar.rows for bar in tally.histogram()) == 1509


def test_blank_lines_are_told_from_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n{}\n \n\n{}\n")
    assert count_lines(path) == ([0, 1, 1], 2)


def test_lines_that_are_no_rows_are_found(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": "x", "b": null}\n\n[1]\n{"a": \n{"a": 5}\n{"b": {}}\n')
    found = dict(find_broken_lines(path))
    assert found[3] == "it is a list and not a JSON object"
    assert found[4].startswith("it is no JSON")
    assert found[5] == "`a` is a number, and in line 1 it is a text"
    assert 6 not in found


def test_reasons_say_what_is_wrong_with_the_row() -> None:
    def reason(row: dict[str, Any], error: Exception, messages: str = "") -> str:
        return explain_row(row, error, messages)

    odd = AttributeError("'NoneType' object has no attribute 'get'")
    assert reason({"messages": None}, odd, "messages") == "it has no `messages`"
    assert "no turn" in reason({"messages": []}, IndexError(), "messages")
    assert "no list" in reason({"messages": {"a": 1}}, odd, "messages")
    assert "turn 2" in reason({"messages": [{"role": "user"}, None]}, odd, "messages")
    assert reason({"a": "x"}, KeyError("output")) == "it has no `output`"
    turn = {"role": "bot", "content": "x"}
    assert "the role `bot`" in reason({"messages": [turn]}, KeyError("bot"))
    assert reason({"output": 5}, ValueError("must be text")) == "`output` is no text but 5"
    assert reason({"a": None}, TypeError("'NoneType' object is not")) == "`a` is missing"
    assert reason({"a": "x"}, RuntimeError("odd")) == "RuntimeError: odd"


def test_tokens_read_as_text_and_a_character_of_several_tokens_is_shown_once() -> None:
    class Bytes:
        """A tokenizer with a token per byte."""

        def __init__(self) -> None:
            self.added_tokens_decoder = {256: "<|end|>"}
            self.all_special_ids, self.all_special_tokens = [256], ["<|end|>"]

        def encode(self, text: str, add_special_tokens: bool = False) -> list[int]:
            return list(text.encode())

        def decode(self, ids: list[int], **options: Any) -> str:
            return bytes(ids).decode(errors="replace")

    ids = [*"a é".encode(), 256, 255]
    shown = read_tokens(Bytes(), ids, [-100, *ids[1:]])
    assert [token.text for token in shown] == ["a", " ", "", "é", "<|end|>", ""]
    assert [token.is_trained for token in shown] == [False] + [True] * 5
    assert [token.is_special for token in shown] == [False] * 4 + [True, False]


def test_a_file_is_named_as_the_spec_names_it() -> None:
    from trainer.audit.lines import Lines

    entry = SimpleNamespace(path="./nowhere/train.jsonl", ds_type="json", split=None)
    dataset = SimpleNamespace(_indices=None)
    lines = Lines(entry, dataset)
    assert (lines.file, lines.unit, lines.line(4)) == ("nowhere/train.jsonl", "row", 5)


def test_what_failed_in_the_machine_is_not_said_of_the_data() -> None:
    def raised(cause: BaseException | None) -> BaseException:
        try:
            raise RuntimeError("outer") from cause
        except RuntimeError as error:
            return error

    assert is_machine_trouble(raised(OSError(errno.ENOSPC, "full")))
    assert is_machine_trouble(BrokenProcessPool())
    assert not is_machine_trouble(raised(ValueError("no template")))
    assert not is_machine_trouble(OSError("Can't load the tokenizer"))


def test_only_the_latest_answers_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        answer = tmp_path / f"{number}.json"
        answer.touch()
        os.utime(answer, (number, number))
    forget_old(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3.json", "4.json"]
