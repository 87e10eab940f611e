"""Real Axolotl ends the same whether its process was warm or new, and whether it was stopped.

What is left alone is trained in new processes, what is paused or killed in warm ones, and every
number that was logged must be the same, and every byte of the result.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from core.files import load_json, parse_json_lines, save_json
from core.paths import RunPaths, Workspace
from core.safe_yaml import dump_yaml
from core.spec.axolotl_config import Place, complete
from daemon.start import Start
from daemon.trainer_process import TrainerProcess, start_trainer
from tests.real import copy_starter
from tests.waiting import wait_until
from tests.warm import start_warm
from tests.wishing import FILE as WISHES_FILE

# All cases are trained two at a time; the first test may wait for several.
pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(900)]

ROWS = 100
BASE = {
    "base_model": "./models/starter",
    "datasets": [{"path": "./uploads/rows.jsonl", "type": "chat_template"}],
    "val_set_size": 0.1,
    "sequence_len": 64,
    "micro_batch_size": 9,
    "gradient_accumulation_steps": 2,
    "optimizer": "adamw_torch",
    "learning_rate": 2e-3,
    "lr_scheduler": "cosine",
    "warmup_steps": 3,
    "logging_steps": 1,
    "include_tkps": True,
    "plugins": ["tests.wishing.Wishing"],
}
"""Ninety rows to train on: five steps of 18 rows make an epoch."""

LORA = {
    "adapter": "lora",
    "lora_r": 8,
    "lora_alpha": 16,
    "lora_dropout": 0.1,
    "lora_target_linear": True,
}


@dataclass
class Training:
    """One run of a workspace, trained in any number of attempts."""

    workspace: Workspace
    name: str
    asked: dict[str, Any]
    ranks: int = 1
    obtain: Callable[[Start], TrainerProcess] = start_trainer
    exits: list[dict[str, Any]] = field(default_factory=list)

    @property
    def paths(self) -> RunPaths:
        return self.workspace.run(f"20260101-000000-{self.name}")

    def attempt(
        self, wishes: dict[str, str] | None = None, resume: int = 0, shrinks: int = 0
    ) -> "Training":
        """Train, from the checkpoint of step `resume` on, until it ends by itself or by a wish."""
        self.paths.folder.mkdir(exist_ok=True)
        self.paths.exit.unlink(missing_ok=True)
        place = Place(
            output_dir=f"./runs/{self.paths.run_id}/output",
            prepared_dir="./runs/.prepared/rows",
            on_cpu=True,
            resume_from=f"./runs/{self.paths.run_id}/output/checkpoint-{resume}"
            if resume
            else None,
            shrinks=shrinks,
        )
        config, _ = complete(self.asked, place)
        self.paths.axolotl_config.write_text(dump_yaml(config))
        save_json(self.paths.folder / WISHES_FILE, wishes or {})
        start = Start(self.paths, self.workspace.root, len(self.exits) + 1, config, (), self.ranks)
        trainer = self.obtain(start)
        try:
            wait_until(lambda: not trainer.is_alive, timeout_s=200, pause_s=0.05)
        finally:
            wait_until(lambda: not TrainerProcess(self.paths, trainer.keeper).kill())
        self.exits.append(load_json(self.paths.exit) if self.paths.exit.exists() else {})
        return self

    def rows(self) -> list[dict[str, Any]]:
        """What was logged, in the order of the steps; of a step trained twice, the second time."""
        lines = parse_json_lines(self.paths.metrics.read_text().splitlines())
        speed = ("at", "attempt", "tokens_per_second")
        rows = [{key: row[key] for key in row if key not in speed} for row in lines]
        return list({(row["step"], "loss" in row): row for row in rows}.values())

    def entries(self, kind: str) -> list[dict[str, Any]]:
        lines = parse_json_lines(self.paths.journal.read_text().splitlines())
        return [entry for entry in lines if entry["entry"] == kind]

    def steps(self, kind: str) -> list[int]:
        return [entry["step"] for entry in self.entries(kind)]

    def weights(self) -> bytes:
        names = ("adapter_model.safetensors", "model.safetensors")
        path = next(p for name in names if (p := self.paths.output / name).exists())
        return path.read_bytes()

    def log(self) -> str:
        return self.paths.log.read_text(errors="replace")[-3000:]


@dataclass
class Pair:
    """The same config trained twice: cold and without a stop, and warm and cut in pieces."""

    whole: Training
    cut: Training


def pair(workspace: Workspace, name: str, asked: dict[str, Any], ranks: int = 1) -> Pair:
    return Pair(
        Training(workspace, f"{name}-whole", asked, ranks).attempt(),
        Training(workspace, f"{name}-cut", asked, ranks, start_warm),
    )


def train_lora(workspace: Workspace) -> Pair:
    """Paused where an epoch ends, then killed, both times between two logged losses."""
    asked = BASE | LORA | {"max_steps": 13, "num_epochs": 3, "logging_steps": 3}
    trainings = pair(workspace, "lora", asked | {"eval_strategy": "epoch"})
    trainings.cut.attempt({"5": "SIGUSR1"})
    trainings.cut.attempt({"7": "SIGUSR2", "8": "SIGKILL"}, resume=5)
    trainings.cut.attempt(resume=7)
    # As if it had been killed after its last checkpoint.
    trainings.whole.attempt(resume=13)
    return trainings


def train_qlora(workspace: Workspace) -> tuple[Pair, Training]:
    """Paused in the middle of an epoch; from there on as it was, and with smaller batches."""
    asked = BASE | LORA | {"adapter": "qlora", "load_in_4bit": True, "lora_dropout": 0}
    trainings = pair(workspace, "qlora", asked | {"num_epochs": 2, "save_strategy": "no"})
    trainings.cut.attempt({"4": "SIGUSR1"})
    shrunk = Training(workspace, "qlora-shrunk", trainings.cut.asked)
    shutil.copytree(trainings.cut.paths.checkpoint(4), shrunk.paths.checkpoint(4))
    shrunk.attempt({"10": "SIGUSR2"}, resume=4, shrinks=1)
    trainings.cut.attempt(resume=4)
    return trainings, shrunk


def train_packed(workspace: Workspace) -> Pair:
    """Every weight, rows packed, paused in the second epoch."""
    packed = {"sample_packing": True, "sequence_len": 128, "micro_batch_size": 2}
    trainings = pair(workspace, "packed", BASE | packed | {"num_epochs": 2, "val_set_size": 0})
    trainings.cut.attempt({"8": "SIGUSR1"}).attempt(resume=8)
    return trainings


def train_dpo(workspace: Workspace) -> Pair:
    """Preferences; asked to pause once more in the very last step."""
    data = [{"path": "./uploads/pairs.jsonl", "type": "chatml.intel", "split": "train"}]
    asked = BASE | LORA | {"rl": "dpo", "datasets": data, "num_epochs": 1, "val_set_size": 0}
    trainings = pair(workspace, "dpo", asked)
    trainings.cut.attempt({"3": "SIGUSR1"}).attempt({"5": "SIGUSR1"}, resume=3)
    return trainings


def train_ranks(workspace: Workspace) -> Pair:
    """Two processes, asked to pause in the evaluation after the first epoch."""
    asked = BASE | LORA | {"gradient_accumulation_steps": 1, "num_epochs": 2}
    asked |= {"eval_strategy": "epoch", "logging_steps": 4}
    trainings = pair(workspace, "ranks", asked, ranks=2)
    trainings.cut.attempt({"after 5": "SIGUSR1"}).attempt(resume=6)
    return trainings


def train_to_nowhere(workspace: Workspace) -> Training:
    asked = BASE | LORA | {"learning_rate": 1e30, "warmup_steps": 0, "num_epochs": 2}
    return Training(workspace, "nowhere", asked).attempt()


Trained = dict[str, "Future[Any]"]

CASES: dict[str, Callable[[Workspace], Any]] = {
    case.__name__: case
    for case in (train_packed, train_ranks, train_lora, train_qlora, train_dpo, train_to_nowhere)
}


@pytest.fixture(scope="module")
def trained(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """The trainings of all cases, two at a time, each on one core."""
    workspace = copy_starter(starter, tmp_path_factory.mktemp("ws"))
    make_data(workspace)
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield {name: pool.submit(case, workspace) for name, case in CASES.items()}


def make_data(workspace: Workspace) -> None:
    """A hundred rows to tune on, and ninety pairs of a good and a bad answer."""
    lines = (workspace.uploads / "capitals" / "train.jsonl").read_text().splitlines()[:ROWS]
    (workspace.uploads / "rows.jsonl").write_text("\n".join(lines) + "\n")
    rows = [row["messages"] for row in parse_json_lines(lines)]
    pairs = [
        {
            "system": "",
            "question": asked[-2]["content"],
            "chosen": asked[-1]["content"],
            "rejected": other[-1]["content"],
        }
        for asked, other in pairwise(rows[:91])
    ]
    text = "".join(json.dumps(pair) + "\n" for pair in pairs)
    (workspace.uploads / "pairs.jsonl").write_text(text)


def the_same(trainings: Pair) -> None:
    """Every number that was logged, and every byte of the result."""
    assert trainings.whole.rows(), trainings.whole.log()
    assert trainings.cut.steps("done"), trainings.cut.log()
    assert trainings.cut.rows() == trainings.whole.rows()
    assert trainings.cut.weights() == trainings.whole.weights()


def test_a_lora_that_was_paused_and_killed_ends_as_if_it_had_not(trained: Trained) -> None:
    trainings = trained["train_lora"].result()
    the_same(trainings)
    assert trainings.cut.steps("plan") == [0, 5, 7]
    assert trainings.cut.steps("stopped") == [5]
    assert trainings.cut.steps("checkpoint") == [5, 7, 10, 13]
    assert [ending.get("asked", "no word") for ending in trainings.cut.exits] == [
        "stop",
        "no word",
        None,
    ]


def test_a_run_killed_after_its_last_checkpoint_trains_no_step_too_many(trained: Trained) -> None:
    whole = trained["train_lora"].result().whole
    assert whole.steps("plan") == [0, 13]
    assert whole.steps("done") == [13, 13]


def test_the_step_being_trained_is_told(trained: Trained) -> None:
    assert trained["train_lora"].result().cut.paths.beat.read_text() == "13"
    assert trained["train_ranks"].result().cut.paths.beat.read_text() == "10"


def test_a_qlora_goes_on_exactly_though_it_never_saves_by_itself(trained: Trained) -> None:
    trainings, _ = trained["train_qlora"].result()
    the_same(trainings)
    assert trainings.cut.steps("checkpoint") == [4]


def test_a_shrunk_run_goes_on_from_its_checkpoint_with_the_same_rows(trained: Trained) -> None:
    trainings, shrunk = trained["train_qlora"].result()
    rows = [row for row in trainings.whole.rows() if row["step"] > 4]
    assert [row["step"] for row in shrunk.rows()] == [row["step"] for row in rows], shrunk.log()
    for smaller, row in zip(shrunk.rows(), rows, strict=True):
        assert smaller["loss"] == pytest.approx(row["loss"], rel=0.01)
        for key in ("learning_rate", "trainable_tokens", "epoch"):
            assert smaller[key] == row[key]
    state = load_json(shrunk.paths.checkpoint(10) / "trainer_state.json")
    assert state["train_batch_size"] == 3


def test_packed_rows_come_in_the_same_order_after_a_pause(trained: Trained) -> None:
    trainings = trained["train_packed"].result()
    the_same(trainings)
    assert trainings.cut.steps("stopped") == [8]


def test_preferences_go_on_exactly_and_the_last_step_is_not_paused(trained: Trained) -> None:
    trainings = trained["train_dpo"].result()
    the_same(trainings)
    assert trainings.cut.steps("stopped") == [3]
    assert trainings.cut.exits[-1]["asked"] == "stop"


def test_two_ranks_agree_on_a_pause_and_go_on_exactly(trained: Trained) -> None:
    trainings = trained["train_ranks"].result()
    the_same(trainings)
    assert trainings.cut.steps("stopped") == [6]
    assert {"optimizer.pt", "rng_state_0.pth", "rng_state_1.pth"} <= {
        path.name for path in trainings.cut.paths.checkpoint(6).iterdir()
    }


def test_a_loss_that_is_no_number_ends_the_run_with_the_steps(trained: Trained) -> None:
    nowhere = trained["train_to_nowhere"].result()
    assert [row.get("not_finite", []) for row in nowhere.rows()][1:] == 3 * [["loss", "grad_norm"]]
    (error,) = nowhere.entries("error")
    assert error["kind"] == "NotFiniteLoss"
    assert error["message"] == "the loss was not a finite number at steps 2, 3, 4"
    assert nowhere.exits[0]["code"] == 1
