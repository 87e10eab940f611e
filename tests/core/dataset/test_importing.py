"""Uploads become datasets, whole or not at all."""

import errno
import json
import tracemalloc
from codecs import BOM_UTF8
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset.card import Dataset, find_dataset
from core.dataset.format import Format
from core.dataset.making import importing, write_rows
from core.dataset.making.row_writer import BadRowsError
from core.errors import DatasetError
from core.paths import Workspace
from tests.adding import add

CHAT = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
QA = b"question,answer\nWhat?,That.\nWho?,She.\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def rows_of(dataset: Dataset) -> list[dict[str, object]]:
    return [json.loads(line) for line in dataset.paths.train.read_bytes().splitlines()]


def turns(*contents: str) -> dict[str, object]:
    roles = ("user", "assistant")
    return {
        "messages": [
            {"role": roles[number % 2], "content": content}
            for number, content in enumerate(contents)
        ]
    }


@pytest.mark.parametrize(
    ("file_name", "content", "form", "row"),
    [
        ("a.jsonl", CHAT, "messages", turns("a", "b")),
        (
            "a.json",
            b'[{"conversations": [{"from": "user", "value": "a"}, {"from": "gpt", "value": "b"}]}]',
            "conversations",
            turns("a", "b"),
        ),
        (
            "a.jsonl",
            b'{"instruction": "a", "input": "c", "output": "b"}',
            "alpaca",
            turns("a\n\nc", "b"),
        ),
        ("a.jsonl", b'{"instruction": "a", "output": "b"}', "alpaca", turns("a", "b")),
        ("a.csv", b"Question,Answer\na,b\n", "question_answer", turns("a", "b")),
        ("a.jsonl", b'{"prompt": "a", "completion": "b"}', "prompt_completion", turns("a", "b")),
        ("a.jsonl", b'{"prompt": "a", "response": "b"}', "prompt_completion", turns("a", "b")),
        ("a.jsonl", b'{"input": "a", "output": 7}', "prompt_completion", turns("a", "7")),
        ("a.jsonl", b'{"text": "a"}', "text", {"text": "a"}),
        ("a.txt", b"one\ntwo\n\nthree\n", "text", {"text": "one\ntwo"}),
        ("a.json", b'{"data": [{"text": "a"}], "more": 1}', "text", {"text": "a"}),
        ("a.json", b'{\n "text": "a"\n}\n{\n "text": "b"\n}', "text", {"text": "a"}),
    ],
)
def test_every_known_format_becomes_rows_for_axolotl(
    workspace: Workspace, file_name: str, content: bytes, form: str, row: dict[str, object]
) -> None:
    dataset = add(workspace, file_name, content)

    assert dataset.format == form
    assert rows_of(dataset)[0] == row
    assert dataset.report.bad_rows == 0
    assert find_dataset(workspace, "a") == dataset


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xef\xbb\xbf" + "text\nGrüße\n".encode(), "Grüße"),
        ("text\nGrüße\n".encode("utf-16"), "Grüße"),
        ("text\nGr\u00fc\u00dfe\n".encode("utf-16-le"), "Grüße"),
        ("text\nGrüße\n".encode("latin-1"), "Grüße"),
        ("text\n“Grüße” für 5 €\n".encode("cp1252"), "“Grüße” für 5 €"),
        ("text\nGrüße\u0081\n".encode("latin-1"), "Grüße\u0081"),
        (b"text\r\nhello\r\n", "hello"),
        (b'"text"\n"two\nlines, and a ""quote"""\n', 'two\nlines, and a "quote"'),
        (b"id;text\n1;a, b\n", "a, b"),
        (b"id\ttext\n1\ta, b\n", "a, b"),
        (b"text,\nhello,\n", "hello"),
    ],
)
def test_a_csv_is_read_as_it_was_saved(workspace: Workspace, content: bytes, expected: str) -> None:
    assert rows_of(add(workspace, "a.csv", content)) == [{"text": expected}]


@pytest.mark.parametrize(
    ("file_name", "content", "line", "reason"),
    [
        ("a.jsonl", b'{"text": "a"}\n{broken\n', 2, "broken JSON"),
        ("a.jsonl", b'{"text": "a"}\n\n{"text": "half', 3, "broken JSON"),
        ("a.jsonl", b'{"text": "a"}\n{"text": ["b"]}', 2, "`text` is a list, not text"),
        ("a.jsonl", b'{"text": "a"}\n[1]', 2, "a list where a JSON object"),
        ("a.jsonl", b'{"text": "a"}\n' + b"[" * 99_999, 2, "nested more than"),
        ("a.jsonl", CHAT + b'{"messages": []}', 2, "no assistant turn"),
        ("a.jsonl", CHAT + b'{"messages": "x"}', 2, "not a list"),
        (
            "a.jsonl",
            CHAT + b'{"messages": [{"role": "user", "content": "a"}]}',
            2,
            "no assistant turn",
        ),
        (
            "a.jsonl",
            CHAT + b'{"messages": [{"role": "assistant", "content": " "}]}',
            2,
            "turn 1, the assistant's, is empty",
        ),
        (
            "a.jsonl",
            CHAT + b'{"messages": [{"role": "assistant", "content": "a", "weight": 0}]}',
            2,
            "turn 1, the assistant's, has the weight 0",
        ),
        (
            "a.jsonl",
            CHAT + b'{"messages": [{"role": "ghost", "content": "a"}]}',
            2,
            "the role ghost",
        ),
        ("a.csv", b"question,answer\nq,a\nq\n", 3, "1 cell where the header names 2"),
        ("a.csv", b"question,answer\nq,a\nq,a,b\n", 3, "3 cells where the header names 2"),
        ("a.csv", b'question,answer\nq,a\n"x\ny",\n', 3, "`answer` is empty"),
        ("a.csv", b'question,answer\nq,a\n"never,closed\n', 3, "never closed"),
    ],
)
def test_a_bad_row_is_left_out_and_named_by_its_line(
    workspace: Workspace, file_name: str, content: bytes, line: int, reason: str
) -> None:
    dataset = add(workspace, file_name, content)

    assert (dataset.rows, dataset.report.bad_rows) == (1, 1)
    assert dataset.report.bad[0].line == line
    assert reason in dataset.report.bad[0].reason


@pytest.mark.parametrize(
    ("file_name", "content", "words"),
    [
        ("a.jsonl", b"", "the file is empty"),
        ("a.jsonl", b" \n\n", "the file has no rows"),
        ("a.csv", b"question,answer\n", "the file has no rows"),
        ("a.csv", b"a,b\n1,2\n", "the columns are `a`, `b`. Expected"),
        ("a.csv", b"question,answer,answer\nq,a,b\n", "two columns are called `answer`"),
        ("a.csv", b"question,answer\nq,\n", "none of the 1 rows can be used"),
        ("a.jsonl", b"hello\nworld\n", "line 1: broken JSON"),
        ("a.csv", b"PK\x03\x04", "a ZIP or Excel file"),
        ("a.txt", b"\x00\x01\x02\x03", "this is not a text file"),
        ("a.parquet", b"PAR1", "cannot be read"),
        ("a.json", b'[{"text": "a"}', "is not closed"),
        ("a.json", b'[{"text": "a"},\n{"text" 1}]', "line 2: broken JSON"),
    ],
)
def test_an_upload_that_cannot_be_used_leaves_nothing_behind(
    workspace: Workspace, file_name: str, content: bytes, words: str
) -> None:
    with pytest.raises(DatasetError) as caught:
        add(workspace, file_name, content)

    assert words in str(caught.value)
    assert not list(workspace.uploads.glob("[!.]*"))
    assert not list(workspace.arriving.glob("*/dataset"))


def test_a_disk_that_is_full_is_told_of(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(importing, "save_card", fail)
    with pytest.raises(DatasetError, match="cannot be stored: No space left on device"):
        add(workspace, "a.csv", QA)


def test_lengths_are_told_in_characters_and_bytes(workspace: Workspace) -> None:
    rows = "text\nÄöü\nab\n".encode()
    report = add(workspace, "a.csv", rows).report
    assert (report.longest_characters, report.longest_bytes, report.total_characters) == (3, 6, 5)


def test_bad_rows_are_all_counted_and_the_first_thousand_kept(workspace: Workspace) -> None:
    dataset = add(workspace, "a.jsonl", b'{"text": "a"}\n' + b"{broken\n" * 1500)

    kept = [json.loads(line) for line in dataset.paths.bad_rows.read_bytes().splitlines()]
    assert dataset.report.bad_rows == 1500
    assert [row["line"] for row in kept] == list(range(2, 1002))
    assert len(dataset.report.bad) == 20
    assert find_dataset(workspace, "a") == dataset


def test_an_import_can_be_stopped_by_the_first_bad_row(workspace: Workspace) -> None:
    with pytest.raises(BadRowsError, match="line 2: broken JSON") as caught:
        add(workspace, "a.jsonl", b'{"text": "a"}\n{broken\n{broken\n', on_bad_row="stop")

    assert [row.line for row in caught.value.bad] == [2]
    assert find_dataset(workspace, "a") is None


def test_columns_are_told_with_types_and_empties(workspace: Workspace) -> None:
    rows = b'{"text": "a", "id": 1, "tags": []}\n{"text": "b", "id": null, "tags": ["x"]}\n'
    report = add(workspace, "a.jsonl", rows).report

    assert {facts.name: (dict(facts.types), facts.empty) for facts in report.columns} == {
        "text": ({"text": 2}, 0),
        "id": ({"number": 1}, 1),
        "tags": ({"list": 1}, 1),
    }
    assert report.left_out == ("id", "tags")


def test_repeats_and_extremes_are_told(workspace: Workspace) -> None:
    lines = [b'{"text": "one"}', b'{"text": "ONE "}', b'{"text": "one"}', b'{"text": "longest"}']
    report = add(workspace, "a.jsonl", b"\n".join(lines)).report

    assert (report.duplicates, report.near_duplicates) == (1, 2)
    assert report.longest and (report.longest.characters, report.longest.line) == (7, 4)
    assert report.shortest and (report.shortest.characters, report.shortest.line) == (3, 1)
    assert sum(rows for _, rows in report.histogram) == 4


def test_a_format_that_was_chosen_is_used(workspace: Workspace) -> None:
    form = Format("question_answer", {"question": "{a} ({b})", "answer": "c"})
    dataset = add(workspace, "a.csv", b"a,b,c,d\n1,2,3,4\n", form=form)

    assert rows_of(dataset) == [turns("1 (2)", "3")]
    assert dataset.report.left_out == ("d",)
    assert find_dataset(workspace, "a") == dataset


def test_half_a_character_does_not_stop_an_upload(workspace: Workspace) -> None:
    rows = b'{"text": "a\\ud83d"}\n{"x": 1, "text": "b"}\n'
    dataset = add(workspace, "a.jsonl", rows)

    assert rows_of(dataset) == [{"text": "b"}]
    assert [row.line for row in dataset.report.bad] == [1]
    assert find_dataset(workspace, "a") == dataset


def test_a_system_prompt_is_put_where_there_is_none(workspace: Workspace) -> None:
    own = b'{"messages": [{"role": "system", "content": "Own"}, {"role": "gpt", "content": "b"}]}\n'
    first, second = rows_of(add(workspace, "a.jsonl", CHAT + own, system_prompt="Be kind."))

    assert first["messages"][0] == {"role": "system", "content": "Be kind."}  # type: ignore[index]
    assert second["messages"][0] == {"role": "system", "content": "Own"}  # type: ignore[index]


@pytest.mark.parametrize("extension", ["jsonl", "json", "csv", "txt"])
def test_memory_does_not_grow_with_the_upload(workspace: Workspace, extension: str) -> None:
    row = "x" * 4000
    head = {"json": b"[", "csv": b"text\n"}.get(extension, b"")
    line = {"jsonl": b'{"text": "%s"}\n', "json": b'{"text": "%s"},\n', "csv": b"%s\n"}
    part = line.get(extension, b"%s\n\n") % row.encode() * 250
    tail = b'{"text": "end"}]' if extension == "json" else b""

    path = workspace.root / f"big.{extension}"
    path.write_bytes(head + part * 40 + tail)

    tracemalloc.start()
    dataset = add(workspace, path.name, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert dataset.bytes > 40_000_000
    assert dataset.rows >= 10_000
    assert peak < 20_000_000


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_dataset_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    workspace = Workspace(tmp_path_factory.mktemp("any"))
    for extension in ("jsonl", "json", "csv", "txt"):
        try:
            dataset = add(workspace, f"a-{extension}.{extension}", content)
        except DatasetError as error:
            assert str(error)
        else:
            assert dataset.rows == len(rows_of(dataset)) > 0


@pytest.mark.parametrize(("begin", "end"), [(b"", b"\n"), (BOM_UTF8, b"")])
def test_parts_that_are_converted_side_by_side_are_one_file(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, begin: bytes, end: bytes
) -> None:
    lines = [b'{"text": "row %d"}' % number for number in range(2000)]
    lines[1700:1702] = [b"{broken", b'{"text": "the longest of all rows"}']
    content = begin + b"\n".join(lines) + end
    whole = add(workspace, "a.jsonl", content)
    monkeypatch.setattr(write_rows, "can_share", lambda path: 3)
    parts = add(workspace, "b.jsonl", content, allow_same_content=True)

    assert parts.paths.train.read_bytes() == whole.paths.train.read_bytes()
    assert parts.report == whole.report
    assert parts.report.bad[0].line == 1701
    assert not list(parts.paths.folder.glob("rows*"))


def test_keys_of_turns_are_named_up_to_a_number(workspace: Workspace) -> None:
    turn = '{"messages": [{"role": "assistant", "content": "a", "key %d": 1}]}\n'
    dataset = add(workspace, "a.jsonl", "".join(turn % n for n in range(500)).encode())
    assert 1 < len(dataset.report.left_out) <= 201
    assert find_dataset(workspace, "a") == dataset
