"""What counts as an error, a warning or a progress bar, and what only looks like one."""

import pytest

from core.monitor.log_level import Level, find_header, own_level
from core.monitor.log_lines import show, split


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("[2026-11-28 22:50:37,895] [INFO] [axolotl.cli.config] config:", "info"),
        ("[2026-11-28 22:50:37,895] [ERROR] [axolotl.cli] it failed", "error"),
        ("[WARNING|trainer.py:816] 2026-01-01 >> careful", "warning"),
        ("WARNING:root:careful", "warning"),
        ("[DEBUG] detail", "debug"),
        ("CRITICAL: gone", "error"),
        ("/lib/x.py:12: UserWarning: old", "warning"),
        ("Traceback (most recent call last):", "error"),
        ("[rank0]: Traceback (most recent call last):", "error"),
        ('  File "/lib/x.py", line 3, in f', "error"),
        ("KeyError: 'x'", "error"),
        ("KeyboardInterrupt", "error"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "error"),
        ("[rank1]: RuntimeError: no", "error"),
        ("Error: unknown option", "error"),
        ("Segmentation fault (core dumped)", "error"),
        ("eval_error=0", ""),
        ("{'eval_error': 0.1, 'loss': 2}", ""),
        ("an error rate of 3 %, errors: 0", ""),
        ("no errors, no warnings", ""),
        ("INFORMATION about it", ""),
        (" 45%|####      | 450/1000 [00:10<00:20, Error: 3]", ""),
        ("=== attempt 2, 2026-11-28T22:50:37.887Z", "header"),
        (" 4%|# | 4/9=== attempt 2, 2026-11-28T22:50:37.887Z", "header"),
        ("", ""),
    ],
)
def test_the_level_is_what_the_writer_meant(line: str, level: str) -> None:
    assert own_level(line) == level


def test_the_header_of_an_attempt_tells_its_number_and_its_time() -> None:
    assert find_header("=== attempt 12, 2026-11-28T22:50:37.887Z") == (
        12,
        "2026-11-28T22:50:37.887Z",
    )
    assert find_header("he said === attempt 1, and went") is None


def levels(text: str) -> list[Level]:
    return [line.level for line in show(list(split(text.encode(), 0, True)), [], True)]


def test_a_traceback_belongs_to_its_error() -> None:
    text = (
        "fine\n"
        "Traceback (most recent call last):\n"
        '  File "/x.py", line 1, in f\n'
        "    return g(\n"
        "           ^^\n"
        "ValueError: no\n"
        "fine again\n"
        " 10%|#   | 1/10\n"
        "    indented\n"
    )
    assert levels(text) == ["", *["error"] * 5, "", "bar", ""]


def test_the_second_line_of_a_warning_belongs_to_it() -> None:
    assert levels("/x.py:1: UserWarning: old\n  warnings.warn(\nnext\n") == [
        "warning",
        "warning",
        "",
    ]
