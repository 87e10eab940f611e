"""A workspace with years of trainings in it, made in a moment."""

import json
import struct
from datetime import datetime, timedelta
from pathlib import Path

from core.clock import now, to_text
from core.paths import CODE_ROOT, RunPaths, Workspace
from core.run.phase import Phase
from core.run.status import Progress, RunStatus, to_record
from core.safe_yaml import dump_yaml, load_yaml_mapping

PRESET = CODE_ROOT / "configs" / "presets" / "starter-lora.yaml"
Record = dict[str, object]

METRIC_ROWS = 200
STEPS = 800


def make_workspace(root: Path, finished: int = 0) -> Workspace:
    """A workspace with a model of one weight, a dataset of one row, and so many finished runs."""
    workspace = Workspace(root)
    for folder in (workspace.queue, workspace.models / "tiny", workspace.uploads / "qa"):
        folder.mkdir(parents=True)
    (workspace.models / "tiny" / "config.json").write_text("{}")
    write_weights(workspace.models / "tiny" / "model.safetensors")
    workspace.dataset("qa").train.write_text('{"messages": []}\n')
    for number in range(finished):
        at = now() - timedelta(hours=finished - number)
        write_finished(workspace.run(f"{at:%Y%m%d-%H%M%S}-run-{number:04}"), at)
    return workspace


def spec_text(name: str) -> str:
    """The starter's preset, for the model and the data that are there."""
    spec = load_yaml_mapping(PRESET.read_bytes())
    for key in ("test_datasets", "eval_steps"):
        spec.pop(key)
    spec |= {
        "run": {"name": name, "max_attempts": 1},
        "base_model": "./models/tiny",
        "datasets": [{"path": "./uploads/qa/train.jsonl", "type": "chat_template"}],
    }
    return dump_yaml(spec)


def write_finished(paths: RunPaths, at: datetime) -> None:
    """All files of a run that completed, in the sizes they have after an hour of training."""
    paths.requests.mkdir(parents=True)
    checkpoint = paths.checkpoint(STEPS)
    checkpoint.mkdir(parents=True)
    text = spec_text(paths.run_id)
    status = RunStatus(
        run_id=paths.run_id,
        name=paths.run_id,
        submitted_at=at,
        since=at,
        phase=Phase.COMPLETED,
        reason=f"trained {STEPS} steps",
        attempt=1,
        started_at=at,
        attempt_started_at=at,
        ended_at=at,
        progress=Progress(STEPS, STEPS, 1.0, 1000 * STEPS, 0.0),
        latest_checkpoint=checkpoint.name,
        resumable=True,
    )
    paths.spec.write_text(text)
    paths.axolotl_config.write_text(text)
    paths.status.write_text(json.dumps(to_record(status), indent=1))
    phases = (Phase.QUEUED, Phase.STARTING, Phase.RUNNING, Phase.COMPLETED)
    done: Record = {"at": to_text(at), "attempt": 1, "entry": "done", "step": STEPS}
    events: list[Record] = [
        {"at": to_text(at), "phase": p.value, "reason": "", "attempt": 1} for p in phases
    ]
    write_lines(paths.events, events)
    write_lines(paths.metrics, [metric_row(at, step) for step in range(METRIC_ROWS)])
    write_lines(paths.journal, [done])
    paths.log.write_text("a line of the log, as long as such lines are\n" * 500)
    paths.exit.write_text(json.dumps({"attempt": 1, "code": 0, "signal": None}))
    paths.lock.touch()
    paths.beat.write_text(str(STEPS))
    for folder in (paths.output, checkpoint):
        write_weights(folder / "adapter_model.safetensors")
        (folder / "adapter_config.json").write_text("{}")
    (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": STEPS}))


def metric_row(at: datetime, step: int) -> Record:
    """A row as the trainer writes it."""
    numbers = {"loss": 1.2345678901, "grad_norm": 0.4567890123, "learning_rate": 0.000123456789}
    return {"at": to_text(at), "attempt": 1, "step": step, "total_steps": STEPS, **numbers}


def write_lines(path: Path, records: list[Record]) -> None:
    """A file of one record a line."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def write_weights(path: Path) -> None:
    """A safetensors file with one small tensor."""
    tensor = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    header = json.dumps({"model.layers.0.mlp.up_proj.weight": tensor}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
