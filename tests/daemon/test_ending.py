"""How an attempt ended is told in words a person understands."""

from pathlib import Path

import pytest

from core.paths import RunPaths
from daemon.ending import explain, explain_exit, find_exit


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            {"kind": "KeyError", "message": "'instruction'", "stage": "dataset"},
            "A row of the dataset has no 'instruction', which",
        ),
        (
            {"kind": "DatasetGenerationError", "message": "JSON in row 20", "stage": "dataset"},
            "does not fit the dataset's `type`. (DatasetGenerationError: JSON in row 20)",
        ),
        ({"kind": "ValidationError", "message": "`rl`: no", "stage": "config"}, "refused the conf"),
        ({"kind": "OSError", "message": "No file", "stage": "model"}, "could not be loaded. (OSE"),
        (
            {"kind": "OutOfMemoryError", "message": "CUDA out of memory.", "stage": "training"},
            "Try a smaller micro_batch_size",
        ),
        ({"kind": "OSError", "message": "No space left on device", "stage": "dataset"}, "is full"),
        ({"kind": "ValueError", "message": "odd", "stage": "training"}, "ValueError: odd"),
    ],
)
def test_an_exception_comes_with_what_it_means(error: dict, words: str) -> None:
    assert words in explain(error)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (None, "without a trace"),
        ({"signal": "SIGKILL"}, "for want of memory"),
        ({"signal": "SIGSEGV"}, "ended by SIGSEGV"),
        ({"signal": None, "code": 3}, "exit code 3"),
    ],
)
def test_a_silent_ending_is_told_by_its_exit(record: dict | None, words: str) -> None:
    assert words in explain_exit(record)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"attempt": 1}'])
def test_an_exit_record_that_cannot_be_used_counts_as_none(tmp_path: Path, text: str) -> None:
    paths = RunPaths(tmp_path)
    paths.exit.write_text(text)
    assert find_exit(paths, attempt=2) is None
