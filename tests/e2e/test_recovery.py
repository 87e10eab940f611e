"""A real training of two processes that is paused, resumed, killed and cut off, under a daemon."""

import os
import signal
from pathlib import Path

import pytest

from core.files import parse_json_lines
from core.paths import CODE_ROOT, Workspace
from core.run.phase import Verb
from core.run.store import Run, Store
from core.safe_yaml import dump_yaml, load_yaml_mapping
from tests.real import copy_starter, daemon, wait_for, wait_for_end
from tests.supervision import living, phase, the_run

pytestmark = pytest.mark.slow


def spec(name: str) -> str:
    """A LoRA of 30 steps on two processes, with an evaluation and a checkpoint now and then."""
    preset = load_yaml_mapping((CODE_ROOT / "configs/presets/starter-lora.yaml").read_bytes())
    preset |= {"max_steps": 30, "logging_steps": 1, "eval_steps": 10, "save_steps": 8}
    preset |= {"micro_batch_size": 4, "run": {"name": name, "gpus": 2}}
    return dump_yaml(preset)


def losses(run: Run) -> dict[int, float]:
    """The loss of each step, as it was trained last."""
    rows = parse_json_lines(run.paths.metrics.read_text().splitlines())
    return {row["step"]: row["loss"] for row in rows if "loss" in row}


def step(workspace: Workspace, name: str) -> int:
    run = the_run(workspace, name)
    return run.status.progress.step if run else 0


def kill_all(run: Run) -> None:
    """As a power cut would: the keeper as well, so that nobody writes down the end."""
    for pid in living(run.paths):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_a_run_paused_killed_and_cut_off_ends_as_one_that_was_left_alone(
    starter: Path, tmp_path: Path
) -> None:
    workspace = copy_starter(starter, tmp_path / "ws")
    store = Store(workspace)
    store.submit("alone", spec("alone"))
    store.submit("troubled", spec("troubled"))
    with daemon(workspace, ends_runs=False) as first:
        alone = wait_for_end(workspace, "alone")
        assert alone.status.phase == "completed", alone.status.reason
        wait_for(lambda: step(workspace, "troubled") >= 3)
        run_id = the_run(workspace, "troubled").run_id
        store.request(run_id, Verb.PAUSE)
        wait_for(lambda: phase(workspace, "troubled") == "paused")
        paused = the_run(workspace, "troubled")
        assert living(paused.paths) == []
        store.request(run_id, Verb.RESUME)
        wait_for(lambda: step(workspace, "troubled") > paused.status.progress.step + 2)
        first.kill()
        kill_all(paused)
    with daemon(workspace):
        troubled = wait_for_end(workspace, "troubled")
    assert troubled.status.phase == "completed", troubled.status.reason
    assert (troubled.status.attempt, troubled.status.retries) == (3, 1)
    assert losses(troubled) == losses(alone)
    assert len(losses(alone)) == 30
    weights = [run.paths.output / "adapter_model.safetensors" for run in (alone, troubled)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert troubled.status.progress.tokens == alone.status.progress.tokens
