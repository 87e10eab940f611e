"""Output folders as Axolotl and Transformers leave them."""

import json
import shutil
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "data" / "axolotl-output"
"""What Axolotl 0.19.0 left of twelve steps on the starter, less weights and tokenizer."""


def copy_recorded(target: Path) -> Path:
    """A folder of its own with the recorded training in it."""
    shutil.copytree(RECORDED, target)
    return target


def save_state(folder: Path, *events: dict[str, Any], **more: Any) -> Path:
    """Write a `trainer_state.json` into the folder, as Transformers would."""
    folder.mkdir(parents=True, exist_ok=True)
    step = max((event.get("step", 0) for event in events), default=0)
    state = {"global_step": step, "max_steps": step, "log_history": list(events), **more}
    path = folder / "trainer_state.json"
    path.write_text(json.dumps(state, indent=2, sort_keys=True) + "\n")
    return path


def losses(*values: float) -> list[dict[str, Any]]:
    """A log event per step, from 1 on."""
    return [{"step": step, "loss": loss, "epoch": step / 10} for step, loss in enumerate(values, 1)]
