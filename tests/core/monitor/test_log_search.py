"""Searching a log slice by slice, and remembering where its attempts and errors are."""

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.monitor import log_walk
from core.monitor.log_file import open_log
from core.monitor.log_lines import show, split
from core.monitor.log_marks import Attempt, Marks
from core.monitor.log_search import MAX_HITS, Text, Troubles, Wanted, search

TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 1\nKeyError: 1\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "train.log"


def find(path: Path, wanted: Wanted | str) -> list[str]:
    """The first words of the lines that are found."""
    wanted = Text(wanted) if isinstance(wanted, str) else wanted
    data = path.read_bytes()
    with open_log(path) as log:
        return [data[start:].split(b"\n")[0].decode() for start in search(log, wanted, 0).starts]


def test_a_text_is_found_in_small_letters_and_capitals(path: Path) -> None:
    path.write_text("one Loss\ntwo\nthree LOSS loss\nÄrger\nfor ärger\n")
    assert find(path, "loss") == ["one Loss", "three LOSS loss"]
    assert find(path, "ÄRGER") == ["Ärger", "for ärger"]
    assert find(path, "nothing") == find(path, "") == find(path, "  ") == []


def test_what_looks_like_a_pattern_is_a_text(path: Path) -> None:
    path.write_text("a.b\naxb\n[x]\n\\n\n\x1b[1ma.*\n")
    assert find(path, "a.b") == ["a.b"]
    assert find(path, "[x]") == ["[x]"]
    assert find(path, ".*") == ["\x1b[1ma.*"]


def test_a_text_is_found_across_a_change_of_colour(path: Path) -> None:
    path.write_text("\x1b[32msaved\x1b[0m checkpoint\n")
    assert len(find(path, "saved checkpoint")) == 1
    assert find(path, "32m") == []


def test_what_is_not_shown_is_not_found(path: Path) -> None:
    path.write_text(" 10%|# |\r 90%|##|\ntoken hf_abcdefghijABCDEFGHIJ12\n")
    assert find(path, "10%") == []
    assert len(find(path, "90%")) == 1
    assert find(path, "hf_abc") == []
    assert len(find(path, "hf_")) == 1


def test_warnings_and_errors_are_found_by_their_first_lines(path: Path) -> None:
    path.write_text(f"fine\n[WARNING] careful\neval_error=0\n{TRACEBACK}/x.py: UserWarning: old\n")
    assert find(path, Troubles()) == [
        "[WARNING] careful",
        "Traceback (most recent call last):",
        "KeyError: 1",
        "/x.py: UserWarning: old",
    ]


def test_many_hits_come_in_parts(path: Path) -> None:
    path.write_text("x\n" * (2 * MAX_HITS + 1))
    with open_log(path) as log:
        first = search(log, Text("x"), 0)
        second = search(log, Text("x"), first.next)
        third = search(log, Text("x"), second.next)
    assert [len(hits.starts) for hits in (first, second, third)] == [MAX_HITS, MAX_HITS, 1]
    assert [hits.is_done for hits in (first, second, third)] == [False, False, True]


def test_a_search_stops_after_its_time_and_goes_on_from_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_walk, "SLICE_BYTES", 128 * 1024)
    path.write_text(("." * 99 + "\n") * 5000 + "here\n")
    ticks = itertools.count()
    at, looks, found = 0, 0, ()
    with open_log(path) as log:
        while not found:
            hits = search(log, Text("here"), at, clock=lambda: float(next(ticks)))
            assert hits.is_done or hits.next > at
            at, looks, found = hits.next, looks + 1, hits.starts
    assert found == (500_000,)
    assert looks == 4


def test_a_line_that_is_still_being_written_is_looked_at_again(path: Path) -> None:
    path.write_text("done\nhalf")
    with open_log(path) as log:
        hits = search(log, Text("half"), 0)
    assert (hits.starts, hits.next, hits.is_done) == ((5,), 5, True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lines=st.lists(st.sampled_from(["ab", "a\x1b[1mB", "\rxab", "é", "É\rc", "\x00ab", ""])),
    text=st.sampled_from(["a", "ab", "b", "é", "c", "zz"]),
)
def test_a_search_finds_the_lines_that_are_shown_with_the_text(
    path: Path, lines: list[str], text: str
) -> None:
    data = "\n".join(lines).encode()
    path.write_bytes(data)
    with open_log(path) as log:
        found = search(log, Text(text), 0).starts
    shown = show(list(split(data, 0, True)), [], True)
    assert list(found) == [line.start for line in shown if text in line.text.lower()]


def marks_of(path: Path, marks: Marks) -> list[Attempt]:
    with open_log(path) as log:
        while not marks.is_done(log):
            marks.advance(log)
        marks.advance(log)
    return marks.attempts


def test_each_attempt_has_its_first_error(path: Path) -> None:
    header = "=== attempt {}, 2026-11-28T22:50:37.887Z\n"
    first = header.format(1) + "eval_error=0\n" + TRACEBACK + " 40%|## "
    path.write_text(first + header.format(2) + "fine\n")
    marks = Marks()
    torn = len(first) - len(" 40%|## ")
    at = len(header.format(1) + "eval_error=0\n")
    when = "2026-11-28T22:50:37.887Z"
    assert marks_of(path, marks) == [Attempt(1, when, 0, at), Attempt(2, when, torn)]
    with path.open("a") as file:
        file.write("RuntimeError: half")
    assert marks_of(path, marks)[1].first_error is None
    with path.open("a") as file:
        file.write(" a line\n")
    assert marks_of(path, marks)[1].first_error == len(first + header.format(2) + "fine\n")


def test_what_was_looked_through_is_not_read_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("line\n" * 1000)
    marks = Marks()
    marks_of(path, marks)
    starts = []
    monkeypatch.setattr(
        "core.monitor.log_marks.walk",
        lambda log, start, ceiling: starts.append((start, ceiling)) or iter(()),
    )
    with path.open("a") as file:
        file.write("Error: x\n")
    with open_log(path) as log:
        marks.advance(log)
    assert starts == [(5000, 5009)]


def test_a_log_that_was_begun_anew_is_marked_anew(path: Path) -> None:
    path.write_text("=== attempt 1, a\n" + TRACEBACK)
    marks = Marks()
    assert marks_of(path, marks)[0].first_error
    path.write_text("=== attempt 1, b\n")
    assert marks_of(path, marks) == [Attempt(1, "b", 0)]


def test_a_log_without_attempts_is_one_part(path: Path) -> None:
    path.write_text(f"from elsewhere\n{TRACEBACK}")
    assert marks_of(path, Marks()) == [Attempt(0, "", 0, 15)]


def test_a_look_for_marks_takes_a_slice_at_a_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_walk, "SLICE_BYTES", 128 * 1024)
    path.write_text(("." * 99 + "\n") * 5000)
    marks, ticks = Marks(), itertools.count()
    with open_log(path) as log:
        marks.advance(log, clock=lambda: float(next(ticks)))
        assert 0 < marks.scanned <= 128 * 1024
        assert not marks.is_done(log)
