"""A reader never meets half a record, and an untrusted file cannot trap the reader."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import RecordError
from core.files import (
    append_json_line,
    load_json,
    parse_json_lines,
    read_complete_lines,
    read_tail,
    read_untrusted,
    save_json,
    write_whole,
)


def test_a_line_still_being_written_is_left_for_next_time(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("one\ntw")
    lines, offset = read_complete_lines(path)
    assert lines == ["one"]
    with path.open("a") as file:
        file.write("o\nthree\n")
    assert read_complete_lines(path, offset) == (["two", "three"], 14)


def test_a_missing_file_has_no_lines_and_no_tail(tmp_path: Path) -> None:
    assert read_complete_lines(tmp_path / "no") == ([], 0)
    assert read_tail(tmp_path / "no") == ""


def test_torn_and_foreign_lines_are_left_out() -> None:
    lines = ['{"a": 1}', '{"a": ', "[1]", "", "NaN", '{"a": 2}', "[" * 100_000]
    assert parse_json_lines(lines) == [{"a": 1}, {"a": 2}]


def test_a_torn_line_spoils_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text('{"a": 1}\n{"a": ')
    append_json_line(path, {"a": 3})
    assert parse_json_lines(path.read_text().splitlines()) == [{"a": 1}, {"a": 3}]


def test_two_that_replace_the_same_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "record"
    with ThreadPoolExecutor(4) as writers:
        list(writers.map(lambda number: write_whole(path, str(number)), range(100)))
    assert path.read_text() in map(str, range(100))
    assert [entry.name for entry in tmp_path.iterdir()] == ["record"]


def test_a_tail_begins_with_a_whole_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("first line\nsecond\nthird\n")
    assert read_tail(tmp_path / "log", size_bytes=16) == "second\nthird\n"
    assert read_tail(tmp_path / "log", size_bytes=9) == "third\n"


def test_writing_whole_replaces_and_leaves_nothing_aside(tmp_path: Path) -> None:
    path = tmp_path / "record"
    for text in ("old", "new"):
        write_whole(path, text)
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["record"]


def test_a_number_no_browser_can_read_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_json(tmp_path / "x", {"a": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        append_json_line(tmp_path / "x", {"a": float("inf")})
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null"])
def test_what_is_no_json_object_is_a_record_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(RecordError):
        load_json(tmp_path / "x")


def test_links_pipes_folders_and_second_names_are_refused_without_waiting(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("secret")
    (tmp_path / "link").symlink_to(plain)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "second").hardlink_to(plain)
    for name in ("link", "pipe", "folder", "second", "missing"):
        with pytest.raises(RecordError):
            read_untrusted(tmp_path / name, 100)


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("12345")
    assert read_untrusted(tmp_path / "x", 5) == b"12345"
    with pytest.raises(RecordError, match="5 bytes; at most 4"):
        read_untrusted(tmp_path / "x", 4)
