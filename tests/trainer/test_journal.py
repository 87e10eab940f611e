"""What several processes of one training write into its journal."""

from pathlib import Path

import pytest

from core.files import parse_json_lines
from core.paths import RunPaths
from core.run.phase import Stage
from trainer.journal import Journal


def entries(paths: RunPaths) -> list[dict]:
    return parse_json_lines(paths.journal.read_text().splitlines())


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    return RunPaths(tmp_path)


def test_only_the_first_rank_tells_of_stages(paths: RunPaths) -> None:
    Journal(paths, 1, speaks=True).stage(Stage.MODEL)
    Journal(paths, 1, speaks=False).stage(Stage.MODEL)
    assert [entry["stage"] for entry in entries(paths)] == ["model"]


def test_the_error_that_came_first_is_told_whichever_rank_met_it(paths: RunPaths) -> None:
    first, second = Journal(paths, 2, speaks=True), Journal(paths, 2, speaks=False)
    second.stage(Stage.TRAINING)
    second.fail("OutOfMemoryError", "CUDA out of memory")
    first.fail("RuntimeError", "connection closed by peer")
    (error,) = entries(paths)
    assert (error["kind"], error["stage"]) == ("OutOfMemoryError", "training")


def test_an_error_of_an_earlier_attempt_is_another_one(paths: RunPaths) -> None:
    Journal(paths, 1).fail("ValueError", "first")
    Journal(paths, 2).fail("ValueError", "second")
    assert [entry["message"] for entry in entries(paths)] == ["first", "second"]
