"""Windows on a log: the same lines wherever one begins to read."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.log_text import clean_log
from core.monitor import log_file, log_lines, log_walk, log_window
from core.monitor.log_file import open_log
from core.monitor.log_lines import PIECE_BYTES, Line, show, split
from core.monitor.log_walk import walk
from core.monitor.log_window import count_lines, line_start, look_after, look_around, look_before

SMALL = 16
LOGS = st.lists(
    st.sampled_from([b"a", b"\n", b"\r", b" 1%|", b"\x1b[32m", b"\xff", b"x" * 40, b"\n\n", b"\0"])
).map(b"".join)
"""Bytes with lines, bars, colours and long lines in them."""


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything small, so that short texts reach each edge."""
    for module in (log_lines, log_window, log_walk):
        monkeypatch.setattr(module, "PIECE_BYTES", SMALL)
    monkeypatch.setattr(log_window, "LOOK_BYTES", 4 * SMALL)
    monkeypatch.setattr(log_window, "MAX_LINES", 5)
    monkeypatch.setattr(log_walk, "SLICE_BYTES", 5 * SMALL)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "train.log"


def whole(data: bytes) -> list[Line]:
    return show(list(split(data, 0, True)), [], True)


any_bytes = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None
)


@any_bytes
@given(data=LOGS)
def test_windows_one_after_the_other_give_the_lines_of_the_whole(
    tiny: None, path: Path, data: bytes
) -> None:
    path.write_bytes(data)
    with open_log(path) as log:
        lines: list[Line] = []
        at = 0
        while at < log.size:
            window = look_after(log, at)
            assert window.end > at
            lines += window.lines
            at = window.end
    assert lines == whole(data)


@any_bytes
@given(data=LOGS)
def test_windows_one_before_the_other_give_the_lines_of_the_whole(
    tiny: None, path: Path, data: bytes
) -> None:
    path.write_bytes(data)
    with open_log(path) as log:
        lines: list[Line] = []
        at = log.size
        while at > 0:
            window = look_before(log, at)
            assert window.start < at
            lines[:0] = window.lines
            at = window.start
    assert lines == whole(data)


@any_bytes
@given(data=LOGS, part=st.floats(0, 1))
def test_a_window_around_any_place_is_a_part_of_the_whole(
    tiny: None, path: Path, data: bytes, part: float
) -> None:
    path.write_bytes(data)
    offset = int(part * len(data))
    with open_log(path) as log:
        starts = [span.start for span in split(data, 0, True)]
        at = line_start(log, offset)
        assert at == max((start for start in starts if start <= offset), default=0) or at == len(
            data
        )
        shown = list(look_around(log, offset).lines)
    everything = whole(data)
    first = everything.index(shown[0]) if shown else 0
    assert everything[first : first + len(shown)] == shown


@any_bytes
@given(data=LOGS)
def test_a_walk_goes_through_every_line_once(tiny: None, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with open_log(path) as log:
        slices = list(walk(log, 0, log.size))
    spans = [span for piece in slices for span in split(piece.data, piece.start, True)]
    assert b"".join(piece.data for piece in slices) == data
    assert spans == list(split(data, 0, True))


@any_bytes
@given(data=st.binary(max_size=400))
def test_any_bytes_are_shown_without_control_characters(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with open_log(path) as log:
        lines = look_before(log, log.size).lines
    assert all(character == "\t" or character >= " " for line in lines for character in line.text)
    assert [line.text for line in lines] == (clean_texts(data) if data else [])


def clean_texts(data: bytes) -> list[str]:
    body = data.removesuffix(b"\n").split(b"\n")
    return [clean_log(line.decode(errors="replace")) for line in body]


def test_a_line_of_fifty_megabytes_is_shown_a_piece_at_a_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(b"first\n" + b"x" * 50_000_000 + b"\nlast\n")
    read = count_reads(monkeypatch)
    with open_log(path) as log:
        window = look_before(log, log.size)
    assert window.lines[-1].text == "last"
    assert all(len(line.text) <= 2 * PIECE_BYTES for line in window.lines)
    assert sum(read) < 200_000


def test_a_bar_that_overwrote_itself_for_days_is_its_last_state(path: Path) -> None:
    bar = b"".join(b"\r%6.2f%%|####      | step" % (i / 1000) for i in range(90_001))
    path.write_bytes(b"begin\n" + bar)
    with open_log(path) as log:
        end = look_before(log, log.size)
        lines = [line.text for line in end.lines]
        start = end.start
        while start:
            window = look_before(log, start)
            lines[:0] = [line.text for line in window.lines]
            start = window.start
    assert lines == ["begin", " 90.00%|####      | step"]
    assert end.open_at is not None


def test_opening_and_jumping_in_a_log_of_500_mb_reads_little(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with path.open("wb") as file:
        file.write(b"=== attempt 1, 2026-01-01T00:00:00.000Z\n" + b"a line\n" * 10_000)
        file.truncate(500_000_000)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + b"the end\n" * 10_000)
    read = count_reads(monkeypatch)
    with open_log(path) as log:
        assert look_before(log, log.size).lines[-1].text == "the end"
        assert look_after(log, 0).lines[1].text == "a line"
    assert sum(read) < 300_000


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of everything that is read of a log from now on."""
    sizes: list[int] = []
    pread = os.pread

    def counted(descriptor: int, length: int, offset: int) -> bytes:
        sizes.append(length)
        return pread(descriptor, length, offset)

    monkeypatch.setattr(log_file.os, "pread", counted)
    return sizes


def test_what_is_still_being_written_is_told_apart(path: Path) -> None:
    path.write_bytes(b"done\nhalf a li")
    with open_log(path) as log:
        assert look_before(log, log.size).open_at == 5
    path.write_bytes(b"done\nhalf a line\n")
    with open_log(path) as log:
        assert look_before(log, log.size).open_at is None
        assert count_lines(log, 5) == (1, log.size)


def test_no_part_of_a_token_is_shown_wherever_a_line_is_cut(path: Path) -> None:
    token = b"hf_" + b"abcdefghijABCDEFGHIJ" * 3
    for before in range(PIECE_BYTES - 70, PIECE_BYTES + 5):
        path.write_bytes(b"." * before + token + b"." * 3 * PIECE_BYTES)
        with open_log(path) as log:
            text = "".join(line.text for line in look_after(log, 0).lines)
        assert "abc" not in text.casefold()
        assert text.startswith("." * before + "hf_**")


def test_the_whole_is_streamed_at_its_size_without_tokens(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "SLICE_BYTES", 100)
    token = b"sk-" + b"s3cr3t" * 6
    path.write_bytes(b"".join(b"." * length + token + b"\n" for length in range(90)))
    with open_log(path) as log:
        data = b"".join(log.stream())
    assert len(data) == path.stat().st_size
    assert b"s3" not in data
    assert data.count(b"sk-") == 90


def test_a_log_that_was_replaced_has_another_generation(path: Path) -> None:
    def generation() -> str:
        with open_log(path) as log:
            return log.generation

    assert generation() == ""
    path.write_bytes(b"=== attempt 1, a\n")
    first = generation()
    with path.open("ab") as file:
        file.write(b"more\n")
    assert generation() == first
    path.write_bytes(b"=== attempt 1, b\n")
    assert generation() != first


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "link"])
def test_what_is_no_plain_file_is_an_empty_log(path: Path, kind: str) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("/etc/passwd")
    with open_log(path) as log:
        assert (log.size, log.generation) == (0, "")
        assert look_before(log, 10).lines == look_after(log, 0).lines == ()


def test_a_log_that_is_cut_while_it_is_read_ends_there(path: Path) -> None:
    path.write_bytes(b"line\n" * 1000)
    with open_log(path) as log:
        path.write_bytes(b"line\n" * 10)
        assert len(look_after(log, 0).lines) == 10
        assert len(look_before(log, log.size).lines) <= 10
        assert [len(piece.data) for piece in walk(log, 0, log.size)] == [50]
        assert sum(map(len, log.stream())) == 5000


def test_nothing_is_at_a_negative_offset_or_beyond_the_end(path: Path) -> None:
    path.write_bytes(b"line\n")
    with open_log(path) as log:
        assert look_after(log, 99).lines == ()
        assert look_before(log, -1).lines == ()
        assert line_start(log, 99) == 0
