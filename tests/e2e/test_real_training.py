"""Real Axolotl, through queue, daemon, keeper and plugin."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.files import parse_json_lines
from core.paths import CODE_ROOT, RunPaths, Workspace
from core.run.disk_need import folder_bytes, predict_need
from core.run.store import Run, Store
from core.run.trainer_env import ATTEMPT_VARIABLE, RUN_FOLDER_VARIABLE
from core.safe_yaml import dump_yaml, load_yaml_mapping
from core.sandbox.client import find_server, want_sandbox
from core.spec.run_spec import parse_spec
from tests.real import copy_starter, daemon, environment, wait_for, wait_for_end
from tests.supervision import living, the_run

pytestmark = pytest.mark.slow

# As Axolotl's own examples are written, for a GPU and with keys left empty.
AXOLOTL_EXAMPLE = """
base_model: ./models/starter
load_in_8bit: false
load_in_4bit: false
strict: false
datasets:
  - path: ./uploads/capitals/train.jsonl
    type: chat_template
dataset_prepared_path: last_run_prepared
val_set_size: 0.05
output_dir: ./outputs/lora-out
adapter: lora
lora_model_dir:
sequence_len: 64
lora_r: 16
lora_alpha: 32
lora_dropout: 0.05
lora_target_linear: true
wandb_project:
wandb_entity:
gradient_accumulation_steps: 1
micro_batch_size: 20
num_epochs: 1
optimizer: adamw_bnb_8bit
lr_scheduler: cosine
learning_rate: 2e-3
bf16: auto
tf32: false
gradient_checkpointing: true
logging_steps: 1
flash_attention: true
warmup_steps: 2
evals_per_epoch: 2
saves_per_epoch: 1
weight_decay: 0.0
special_tokens:
"""


@pytest.fixture(scope="module")
def trained(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace in which the example was dropped twice at once, the daemon still running."""
    workspace = copy_starter(starter, tmp_path_factory.mktemp("ws") / "space in name")
    store = Store(workspace)
    store.submit("first", AXOLOTL_EXAMPLE)
    store.submit("second", AXOLOTL_EXAMPLE)
    with daemon(workspace):
        for name in ("first", "second"):
            wait_for_end(workspace, name)
        yield workspace


def metrics(run: Run) -> list[dict]:
    return parse_json_lines(run.paths.metrics.read_text().splitlines())


def losses(run: Run) -> list[tuple[int, float]]:
    return [(row["step"], row["loss"]) for row in metrics(run) if "loss" in row]


def log_of(run: Run) -> str:
    return run.paths.log.read_text(errors="replace")[-3000:]


def test_an_axolotl_example_dropped_as_it_is_becomes_an_adapter(trained: Workspace) -> None:
    run = the_run(trained, "first")
    assert run.status.phase == "completed", log_of(run)
    assert (run.paths.output / "adapter_model.safetensors").stat().st_size > 1000
    assert run.checkpoints() == [run.status.progress.total_steps]
    assert run.paths.spec.read_text() == AXOLOTL_EXAMPLE


def test_a_checkpoint_is_about_as_large_as_predicted(trained: Workspace) -> None:
    run = the_run(trained, "first")
    assert 0.6 < predicted_share(trained, run) < 1.8


def predicted_share(workspace: Workspace, run: Run) -> float:
    """The predicted size of the run's last checkpoint by the real one."""
    spec = parse_spec(run.paths.spec.read_bytes(), run.status.name)
    need = predict_need(spec, workspace.root, on_cpu=True)
    assert need is not None
    return need.checkpoint_bytes / folder_bytes(run.paths.checkpoint(run.checkpoints()[-1]))


def test_the_loss_falls_and_every_number_is_there_in_full(trained: Workspace) -> None:
    rows = metrics(the_run(trained, "first"))
    training = [row for row in rows if "loss" in row]
    assert [row["step"] for row in training] == list(range(1, 20))
    assert training[-1]["loss"] < 0.8 * training[0]["loss"]
    assert {"learning_rate", "grad_norm", "tokens", "trainable_tokens", "epoch"} <= set(training[5])
    assert "tokens_per_second" in training[5]
    assert len(repr(training[0]["loss"])) > 10
    assert len([row for row in rows if "eval_loss" in row]) >= 2


def test_the_stages_of_the_run_are_told_in_their_order(trained: Workspace) -> None:
    entries = parse_json_lines(the_run(trained, "first").paths.journal.read_text().splitlines())
    stages = [entry["stage"] for entry in entries if entry["entry"] == "stage"]
    kinds = [entry["entry"] for entry in entries]
    # Axolotl validates once before the first step.
    assert stages[:6] == ["imports", "config", "dataset", "model", "evaluating", "training"]
    assert "saving" in stages
    assert kinds.index("plugin") < kinds.index("plan") < kinds.index("done") == len(kinds) - 1


def test_two_specs_dropped_at_once_run_one_after_the_other(trained: Workspace) -> None:
    first, second = the_run(trained, "first"), the_run(trained, "second")
    assert first.status.ended_at <= second.status.started_at


def test_the_same_spec_gives_the_same_losses(trained: Workspace) -> None:
    assert losses(the_run(trained, "first")) == losses(the_run(trained, "second"))


def test_what_axolotl_was_started_with_is_on_disk_and_told(trained: Workspace) -> None:
    run = the_run(trained, "first")
    config = load_yaml_mapping(run.paths.axolotl_config.read_bytes())
    asked = load_yaml_mapping(AXOLOTL_EXAMPLE)
    changed = {key for key in {*config, *asked} if config.get(key) != asked.get(key)}
    events = parse_json_lines(run.paths.events.read_text().splitlines())
    told = {change.split(":")[0] for event in events for change in event.get("changes", [])}
    assert changed <= told
    assert {"output_dir", "flash_attention", "bf16"} <= changed


def test_a_finished_run_answers_in_the_sandbox_and_differs_from_its_base(
    trained: Workspace,
) -> None:
    run = the_run(trained, "first")
    want_sandbox(trained)
    wait_for(
        lambda: (server := find_server(trained)) and server.is_live and server.state == "ready"
    )
    server = find_server(trained)
    texts = {}
    for model in (run.run_id, f"{run.run_id}/base"):
        message = {"role": "user", "content": "What is the capital of France?"}
        answer_id = server.ask(model, [message], max_new_tokens=24)
        wait_for(lambda answer_id=answer_id: server.answer(answer_id).is_ended)
        answer = server.answer(answer_id)
        assert answer.state == "done", answer.reason
        texts[model] = answer.text
    assert texts[run.run_id] != texts[f"{run.run_id}/base"]


def test_rows_changed_at_the_same_path_are_trained_on(trained: Workspace) -> None:
    """And a prepared folder that a killed process left half-written is thrown away."""
    data = trained.uploads / "capitals" / "train.jsonl"
    rows = data.read_text().splitlines()
    data.write_text("\n".join(rows[:200]) + "\n")
    before = set(trained.prepared.iterdir())
    Store(trained).submit("changed", AXOLOTL_EXAMPLE)
    run = wait_for_end(trained, "changed")
    assert run.status.phase == "completed", log_of(run)
    assert run.status.progress.total_steps < the_run(trained, "first").status.progress.total_steps
    new = set(trained.prepared.iterdir()) - before
    assert len(new) == 1
    prepared = next(path for path in new.pop().iterdir() if path.is_dir())
    (prepared / "state.json").unlink()
    Store(trained).submit("again", AXOLOTL_EXAMPLE)
    again = wait_for_end(trained, "again")
    assert again.status.phase == "completed", log_of(again)
    assert losses(again) == losses(run)


def test_a_row_axolotl_cannot_read_fails_the_run_with_its_words(trained: Workspace) -> None:
    (trained.uploads / "broken.jsonl").write_text('{"messages": 5}\n' * 30)
    broken = AXOLOTL_EXAMPLE.replace("./uploads/capitals/train.jsonl", "./uploads/broken.jsonl")
    Store(trained).submit("broken", broken)
    run = wait_for_end(trained, "broken")
    assert run.status.phase == "failed"
    assert "does not fit the dataset's `type`" in run.status.reason
    assert "Traceback" not in run.status.reason


def test_a_training_whose_plugin_does_not_report_in_is_stopped(
    starter: Path, tmp_path: Path
) -> None:
    workspace = copy_starter(starter, tmp_path / "ws")
    paths = RunPaths(workspace.runs / "blind")
    paths.folder.mkdir()
    config = load_yaml_mapping(AXOLOTL_EXAMPLE)
    del config["flash_attention"]
    config |= {"plugins": ["trainer.no_such_module.RunPlugin"], "bf16": False}
    config["output_dir"] = "./runs/blind/output"
    paths.axolotl_config.write_text(dump_yaml({k: v for k, v in config.items() if v is not None}))
    result = subprocess.run(
        [sys.executable, "-P", "-m", "trainer.run"],
        cwd=workspace.root,
        env={
            **environment(workspace.root),
            RUN_FOLDER_VARIABLE: str(paths.folder),
            ATTEMPT_VARIABLE: "1",
            "HF_HUB_OFFLINE": "1",
            "AXOLOTL_DO_NOT_TRACK": "1",
        },
        capture_output=True,
        timeout=120,
        check=False,
    )
    entries = parse_json_lines(paths.journal.read_text().splitlines())
    assert result.returncode != 0
    assert "did not report in" in entries[-1]["message"]
    assert not paths.metrics.exists()


def test_the_starter_learns_the_capitals_though_the_daemon_is_killed(
    starter: Path, tmp_path: Path
) -> None:
    workspace = copy_starter(starter, tmp_path / "ws")
    preset = CODE_ROOT / "configs" / "presets" / "starter-full.yaml"
    before = exact_answers(workspace, workspace.models / "starter")
    store = Store(workspace)
    store.submit("starter", preset.read_text())
    with daemon(workspace, ends_runs=False) as first:
        wait_for(lambda: store.runs() and store.runs()[0].status.progress.step >= 20)
        pids = set(living(store.runs()[0].paths))
        first.kill()
    with daemon(workspace):
        wait_for(lambda: store.runs()[0].status.progress.step >= 40)
        # The same processes train on; only data loaders come and go.
        assert pids & set(living(store.runs()[0].paths))
        run = wait_for_end(workspace, "starter")
    assert run.status.phase == "completed", log_of(run)
    assert run.status.attempt == 1
    assert 0.6 < predicted_share(workspace, run) < 1.8
    assert before <= 4
    assert exact_answers(workspace, run.paths.output) >= 320


def exact_answers(workspace: Workspace, model: Path) -> int:
    """How many of the 400 questions of the dataset are answered to the letter."""
    data = str(workspace.uploads / "capitals" / "train.jsonl")
    command = [sys.executable, "-P", "-m", "trainer.exact_answers", "--model", str(model)]
    result = subprocess.run(
        [*command, "--data", data],
        env={**environment(workspace.root), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    words = result.stdout.split("exact answers: ")[1].split()
    assert words[2] == "400"
    return int(words[0])


def test_the_daemon_and_the_app_start_without_torch() -> None:
    heavy = "{'torch', 'transformers', 'axolotl'} & set(sys.modules)"
    for module in ("daemon.supervisor", "core.run.store", "streamlit_app.session"):
        script = f"import sys, {module}; sys.exit(str({heavy}) if {heavy} else 0)"
        env = {**os.environ, "PYTHONPATH": str(CODE_ROOT)}
        result = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr


def test_axolotls_exit_is_told_by_the_keeper(trained: Workspace) -> None:
    record = json.loads(the_run(trained, "first").paths.exit.read_text())
    assert (record["code"], record["signal"]) == (0, None)
    assert record["max_memory_mib"] > 100
