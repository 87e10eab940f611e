"""Of a long log only the lines that tell why the attempt ended are kept."""

import re

import pytest

from daemon.attempt_log import choose_lines, find_errors, pick_attempt

TWO_ATTEMPTS = (
    "=== attempt 1, 2026-11-22T15:20:06.361Z\nold\n=== attempt 2, 2026-11-22T16:20:06.361Z\n"
    "\x1b[31mred\x1b[0m\n 10%|#  \r100%|###\nnul\x00\n"
)


def test_only_the_attempts_own_lines_are_taken_and_cleaned() -> None:
    assert pick_attempt(TWO_ATTEMPTS, 2) == ("", "red", "100%|###", "nul")


def test_an_attempt_that_wrote_nothing_has_no_lines() -> None:
    assert pick_attempt(TWO_ATTEMPTS, 3) == ()


def test_without_its_beginning_a_long_log_is_all_of_the_attempt() -> None:
    assert pick_attempt("one\ntwo\n", 7) == ("one", "two")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("torch.OutOfMemoryError: CUDA out", ("OutOfMemoryError", "CUDA out")),
        ("[rank1]: KeyError: 'x'", ("KeyError", "'x'")),
        ("StopIteration", ("StopIteration", "")),
        ("trainer.finite.NotFiniteLoss: at 3", ("NotFiniteLoss", "at 3")),
        ("pydantic_core._pydantic_core.ValidationError: 1", ("ValidationError", "1")),
    ],
)
def test_the_last_line_of_a_traceback_is_an_error(line: str, error: tuple[str, str]) -> None:
    assert find_errors(["{'loss': 1}", line, "    raise ValueError: no"]) == [error]


@pytest.mark.parametrize(
    "line", ["Loss: 3", "an Error: x", "Errors", "[INFO] Error: x", "error: x"]
)
def test_what_only_looks_like_an_error_is_none(line: str) -> None:
    assert find_errors([line]) == []


def test_errors_and_telling_lines_are_kept_and_frames_are_not() -> None:
    log = [
        "[2026-11-22] [INFO] config",
        "disk at 99%",
        "Traceback (most recent call last):",
        '  File "/x.py", line 3, in save',
        "    write(disk)",
        "    ^^^^^^^^^^^",
        "OSError: [Errno 28] No space left on device",
        "[2026-11-22] [INFO] leaving",
    ]
    assert choose_lines(log, re.compile("disk")) == ("disk at 99%", log[6])


def test_without_telling_lines_the_last_ones_are_kept() -> None:
    log = [str(number) for number in range(20)]
    assert choose_lines(log, re.compile("disk")) == choose_lines(log, None)
    assert choose_lines(log, None) == ("15", "16", "17", "18", "19")


def test_repeated_lines_are_told_once() -> None:
    log = ["ValueError: a"] * 1200 + ["ValueError: b"]
    assert choose_lines(log, re.compile("x")) == ("ValueError: a (1,200 times)", "ValueError: b")


def test_at_most_eight_lines_of_at_most_300_characters_are_kept() -> None:
    log = [f"ValueError: {number} {'x' * 10_000}" for number in range(100)]
    lines = choose_lines(log, re.compile("x"))
    assert len(lines) == 8
    assert all(len(line) == 300 for line in lines)
    assert lines[-1].startswith("ValueError: 99 ")
