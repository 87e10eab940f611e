"""Real Axolotl: what is prepared while another run trains is what the run is then trained on."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from core.clock import from_text
from core.files import parse_json_lines
from core.paths import RunPaths, Workspace
from core.run.phase import Verb
from core.run.preparation import DONE, load_preparation
from core.run.store import Store
from core.safe_yaml import dump_yaml
from core.spec.axolotl_config import Place, complete
from daemon.preparing import MARK_VARIABLE, end_processes
from daemon.start import Start
from daemon.trainer_process import TrainerProcess, start_trainer
from tests.holding import VARIABLE
from tests.real import copy_starter, daemon, environment, wait_for, wait_for_end
from tests.supervision import the_run
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(600)]

ROWS = 4000
STEPS = 8
SPEC = {
    "base_model": "./models/starter",
    "val_set_size": 0,
    "sequence_len": 128,
    "micro_batch_size": 4,
    "gradient_accumulation_steps": 1,
    "optimizer": "adamw_torch",
    "learning_rate": 1e-3,
    "lr_scheduler": "constant",
    "adapter": "lora",
    "lora_r": 8,
    "lora_alpha": 16,
    "lora_target_linear": True,
    "logging_steps": 1,
    "save_strategy": "no",
}


def spec(data: str, steps: int, **others: Any) -> dict[str, Any]:
    datasets = [{"path": f"./uploads/{data}.jsonl", "type": "chat_template"}]
    return {**SPEC, "datasets": datasets, "max_steps": steps, "num_epochs": 1, **others}


@pytest.fixture
def workspace(starter: Path, tmp_path: Path) -> Workspace:
    """The starter, and the same chats in two files, which have to be tokenised for each."""
    workspace = copy_starter(starter, tmp_path)
    (workspace.root / "configs").mkdir()
    lines = (workspace.uploads / "capitals" / "train.jsonl").read_text().splitlines()
    chats = [row["messages"] for row in parse_json_lines(lines)]
    rows = [chats[i % len(chats)] + chats[i * 7 % len(chats)][-2:] for i in range(ROWS)]
    text = "".join(json.dumps({"messages": row}) + "\n" for row in rows)
    for name in ("first", "second"):
        (workspace.uploads / f"{name}.jsonl").write_text(text)
    return workspace


def entries(paths: RunPaths) -> list[dict[str, Any]]:
    return (
        parse_json_lines(paths.journal.read_text().splitlines()) if paths.journal.exists() else []
    )


def stages(paths: RunPaths) -> dict[str, datetime]:
    """When each stage began first."""
    told = [entry for entry in reversed(entries(paths)) if entry["entry"] == "stage"]
    return {entry["stage"]: from_text(entry["at"]) for entry in told}


def dataset_s(paths: RunPaths) -> float:
    """How long the run was busy with its data."""
    began = stages(paths)
    return (began["model"] - began["dataset"]).total_seconds()


def losses(paths: RunPaths) -> list[float]:
    lines = paths.metrics.read_text().splitlines()
    return [row["loss"] for row in parse_json_lines(lines) if "loss" in row]


def test_a_run_finds_its_data_prepared_and_trains_as_if_it_had_made_it_itself(
    workspace: Workspace,
) -> None:
    store = Store(workspace)
    # One core trains, the other prepares, which takes only what is left.
    with daemon(workspace, extra={"OMP_NUM_THREADS": "1"}):
        endless = spec("first", steps=100_000, num_epochs=100)
        store.submit("first", dump_yaml(endless))
        wait_for(lambda: (run := the_run(workspace, "first")) and run.status.phase == "running")
        before = set(workspace.prepared.glob("*/*/state.json"))
        store.submit("second", dump_yaml(spec("second", STEPS)))
        waiting = wait_for(lambda: the_run(workspace, "second"))
        preparation = workspace.preparation(waiting.run_id)
        wait_for(lambda: load_preparation(preparation.record).stage == DONE)
        assert load_preparation(preparation.record).rows == ROWS
        (state,) = set(workspace.prepared.glob("*/*/state.json")) - before
        assert not waiting.paths.output.exists()
        store.request(the_run(workspace, "first").run_id, Verb.CANCEL)
        first, second = (wait_for_end(workspace, name) for name in ("first", "second"))
    assert second.status.phase == "completed", second.paths.log.read_text()[-3000:]
    assert datetime.fromtimestamp(state.stat().st_mtime, UTC) < second.status.started_at
    assert "Loading prepared dataset from disk" in second.paths.log.read_text()
    print(f"\ndataset: {dataset_s(first.paths):.2f} s made, {dataset_s(second.paths):.2f} s found")
    assert dataset_s(second.paths) < 1 < dataset_s(first.paths)
    assert losses(second.paths) == losses(first.paths)[:STEPS]
    assert not preparation.folder.exists()


@dataclass
class Meeting:
    """A preparation that holds where its data is half written, and the run that begins then."""

    workspace: Workspace
    name: str

    @cached_property
    def paths(self) -> RunPaths:
        return self.workspace.run(f"20260101-000000-{self.name}")

    @cached_property
    def preparation(self) -> Any:
        return self.workspace.preparation(self.paths.run_id)

    @cached_property
    def config(self) -> dict[str, Any]:
        place = Place(
            output_dir=f"./runs/{self.paths.run_id}/output",
            prepared_dir=f"./runs/.prepared/{self.name}",
            on_cpu=True,
        )
        return complete(spec(self.name, 3, plugins=["tests.holding.Holding"]), place)[0]

    def prepare(self) -> "subprocess.Popen[bytes]":
        folder = self.preparation.folder
        folder.mkdir(parents=True)
        self.preparation.axolotl_config.write_text(dump_yaml(self.config))
        told = {VARIABLE: str(folder), MARK_VARIABLE: str(folder)}
        with self.preparation.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "trainer.prepare", str(folder)],
                env=environment(self.workspace.root) | told,
                cwd=self.workspace.root,
                stdout=log,
                stderr=log,
            )

    def start(self) -> TrainerProcess:
        self.paths.folder.mkdir()
        self.paths.axolotl_config.write_text(dump_yaml(self.config))
        return start_trainer(Start(self.paths, self.workspace.root, 1, self.config, ()))

    def at(self, name: str) -> Path:
        return self.preparation.folder / name

    def half_written(self) -> list[Path]:
        folders = [
            path for path in (self.workspace.prepared / self.name).iterdir() if path.is_dir()
        ]
        return [folder for folder in folders if not (folder / "state.json").exists()]


@pytest.fixture
def meetings(workspace: Workspace) -> Iterator[list[Meeting]]:
    """One whose preparation will be killed, and one whose preparation will come to its end."""
    meetings = [Meeting(workspace, name) for name in ("first", "second")]
    yield meetings
    end_processes(meeting.preparation.folder for meeting in meetings)
    for meeting in meetings:
        wait_until(lambda meeting=meeting: not TrainerProcess(meeting.paths).kill())


def test_a_run_waits_for_data_in_the_making_and_makes_anew_what_a_killed_preparation_left(
    meetings: list[Meeting],
) -> None:
    killed, whole = meetings
    preparing = [meeting.prepare() for meeting in meetings]
    for meeting in meetings:
        wait_for(meeting.at("held").exists)
        assert meeting.half_written()
    trainers = [meeting.start() for meeting in meetings]
    for meeting in meetings:
        wait_for(lambda meeting=meeting: "dataset" in stages(meeting.paths))
        assert "model" not in stages(meeting.paths)
    let_go_at = datetime.now(UTC)
    os.kill(preparing[0].pid, signal.SIGKILL)
    whole.at("go").touch()
    for trainer in trainers:
        wait_for(lambda trainer=trainer: not trainer.is_alive)
    assert [process.wait(60) for process in preparing] == [-signal.SIGKILL, 0]
    for meeting in meetings:
        log = meeting.paths.log.read_text(errors="replace")
        assert entries(meeting.paths)[-1]["entry"] == "done", log[-3000:]
        assert stages(meeting.paths)["model"] >= let_go_at.replace(microsecond=0)
        assert not meeting.half_written()
        assert ("Loading prepared dataset from disk" in log) is (meeting is whole)
    assert losses(killed.paths) == losses(whole.paths) != []
