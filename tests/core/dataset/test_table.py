"""Paging and searching, wherever the chunks of the file end."""

import json
from pathlib import Path

import pytest

from core.dataset import table


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(table, "CHUNK_BYTES", 64)
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"text": f"Row {number} " + number % 9 * "x"}) for number in range(1, 101)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("first", [1, 2, 3, 7, 50, 99, 100])
def test_a_page_begins_at_its_line(rows: Path, first: int) -> None:
    page = table.read_page(rows, first, 3)
    assert [row.line for row in page] == list(range(first, min(first + 3, 101)))
    assert [row.value["text"].split()[1] for row in page] == [str(row.line) for row in page]


def test_beyond_the_end_there_is_nothing(rows: Path) -> None:
    assert table.read_page(rows, 101, 3) == []
    assert table.read_page(rows, 5000, 3) == []


@pytest.mark.parametrize("end", ["", "\n"])
def test_lines_are_counted_with_or_without_a_last_line_break(tmp_path: Path, end: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a": 2}' + end)
    assert table.count_lines(path) == 2
    path.write_text("")
    assert table.count_lines(path) == 0
    assert table.search(path, "a") == table.Found([], True)


def test_a_search_names_the_lines(rows: Path) -> None:
    found = table.search(rows, "ROW 5")
    assert [row.line for row in found.rows] == [5, *range(50, 60)]
    assert found.is_all
    assert table.search(rows, "row", limit=4).is_all is False
    assert table.search(rows, "nowhere").rows == []


def test_quotes_and_line_breaks_are_found_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text":"a \\"quoted\\"\\nword (x+)"}\n{"text":"other"}\n')
    for words in ('"quoted"', 'ed"\nword', "(x+)"):
        assert [row.line for row in table.search(path, words).rows] == [1]


def test_a_line_longer_than_is_shown_keeps_the_others_in_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "CHUNK_BYTES", 64)
    monkeypatch.setattr(table, "MAX_LINE_BYTES", 32)
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": "one"}\n{"a": "' + 500 * "x" + '"}\n{"a": "three"}\n')
    assert [row.line for row in table.read_page(path, 1, 5)] == [1, 2, 3]
    assert table.read_page(path, 3, 1)[0].value == {"a": "three"}
    assert [row.line for row in table.search(path, "three").rows] == [3]


def test_a_search_that_takes_too_long_ends_with_what_it_found(rows: Path) -> None:
    assert table.search(rows, "nowhere", budget_s=-1).is_all is False
