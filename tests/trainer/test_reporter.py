"""What a training tells of itself: signs of life, evaluations, losses that are no numbers."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from transformers import TrainerControl, TrainerState

from core.files import parse_json_lines
from core.paths import RunPaths
from tests.clock import Clock
from trainer.finite import FiniteLoss, NotFiniteLoss
from trainer.journal import Journal
from trainer.reporter import RunReporter
from trainer.steering import Steering

ARGS = SimpleNamespace(eval_on_start=False)
CONTROL = TrainerControl()


class Reported:
    """A reporter with a clock that stands still, and what it wrote."""

    def __init__(self, folder: Path, speaks: bool = True) -> None:
        self.paths = RunPaths(folder)
        self.clock = Clock(1000.0)
        journal = Journal(self.paths, 1, speaks)
        self.reporter = RunReporter(journal, Steering(), self.clock)

    def begin(self, step: int) -> None:
        state = TrainerState(global_step=step, max_steps=20)
        self.reporter.on_train_begin(ARGS, state, CONTROL)

    def begin_step(self, step: int) -> None:
        self.reporter.on_step_begin(ARGS, TrainerState(global_step=step - 1), CONTROL)

    def evaluate(self, batches: int) -> None:
        state = TrainerState(global_step=3)
        for _ in range(batches):
            self.reporter.on_prediction_step(ARGS, state, CONTROL, eval_dataloader=range(40))

    def entries(self, kind: str) -> list[dict]:
        lines = parse_json_lines(self.paths.journal.read_text().splitlines())
        return [entry for entry in lines if entry["entry"] == kind]


@pytest.fixture
def reported(tmp_path: Path) -> Reported:
    return Reported(tmp_path)


def test_there_is_a_sign_of_life_from_the_beginning_of_training_on(reported: Reported) -> None:
    assert not reported.paths.beat.exists()
    reported.begin(8)
    assert reported.paths.beat.read_text() == "9"
    assert reported.entries("plan")[0]["step"] == 8


def test_every_step_says_its_number(reported: Reported) -> None:
    reported.begin(8)
    reported.begin_step(9)
    reported.begin_step(10)
    assert reported.paths.beat.read_text() == "10"


def test_an_evaluation_is_alive_and_says_how_far_it_is_at_most_once_a_second(
    reported: Reported,
) -> None:
    reported.begin(0)
    for _ in range(3):
        os.utime(reported.paths.beat, (0, 0))
        reported.evaluate(batches=5)
        assert reported.paths.beat.stat().st_mtime > 0
        reported.clock.now += 1
    told = [(entry["done"], entry["total"]) for entry in reported.entries("evaluation")]
    assert told == [(1, 40), (6, 40), (11, 40)]
    reported.reporter.on_evaluate(ARGS, TrainerState(), CONTROL)
    reported.evaluate(batches=1)
    assert reported.entries("evaluation")[-1]["done"] == 1


def test_of_several_ranks_only_the_first_speaks(tmp_path: Path) -> None:
    second = Reported(tmp_path, speaks=False)
    second.begin(0)
    second.begin_step(1)
    second.evaluate(batches=2)
    assert list(tmp_path.iterdir()) == []


def log_losses(*losses: float) -> None:
    callback = FiniteLoss()
    for step, loss in enumerate(losses, start=1):
        state = TrainerState(global_step=10 * step)
        callback.on_log(ARGS, state, CONTROL, {"loss": loss})
        callback.on_log(ARGS, state, CONTROL, {"eval_loss": float("nan")})


def test_three_losses_in_a_row_that_are_no_numbers_end_the_training() -> None:
    with pytest.raises(NotFiniteLoss, match="at steps 20, 30, 40"):
        log_losses(1.0, float("nan"), float("inf"), float("nan"))


def test_a_single_bad_batch_does_not() -> None:
    log_losses(float("nan"), float("inf"), 1.0, float("nan"), float("nan"), 2.0)


def test_the_speed_is_that_of_all_ranks_together(reported: Reported) -> None:
    logs = {"loss": 1.0, "tokens/train_per_sec_per_gpu": 1000.5}
    two_ranks = SimpleNamespace(world_size=2)
    reported.reporter.on_log(two_ranks, TrainerState(global_step=1), CONTROL, logs)
    (row,) = parse_json_lines(reported.paths.metrics.read_text().splitlines())
    assert row["tokens_per_second"] == 2001.0
