"""The config that the audit sees: as Axolotl makes it of a run's keys, but for no GPU."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

from core.files import write_whole
from core.safe_yaml import dump_yaml
from core.spec.axolotl_config import Place, complete

FILLERS = {"micro_batch_size": 1, "learning_rate": 1e-5, "num_epochs": 1}
"""What Axolotl insists on, though no token depends on it."""


def load_audit_config(config: dict[str, Any], folder: Path) -> Any:
    """Axolotl's own config of the keys; `folder` is for what it writes on the way.

    Raises what Axolotl raises when it does not accept them.
    """
    from axolotl.cli import config as loading

    place = Place(str(folder / "output"), str(folder / "prepared"), on_cpu=True)
    keys, _ = complete(FILLERS | config, place)
    # None of ours is needed, and Axolotl's own change the model, not the rows.
    keys.pop("plugins")
    path = folder / "axolotl.yaml"
    write_whole(path, dump_yaml(keys), durable=False)
    with patch.object(loading, "prepare_debug_log"):
        cfg = loading.load_cfg(str(path))
    cfg.push_dataset_to_hub = None
    return cfg


def find_unknown(config: dict[str, Any]) -> str:
    """Why the audit has nothing to say about this kind of training; empty when it has."""
    rl = config.get("rl")
    if rl and rl not in ("dpo", "ipo", "simpo", "orpo", "kto"):
        return f"With `rl: {rl}` the model's own answers are learned from, so nothing can be shown."
    for key in ("pretraining_dataset", "streaming", "skip_prepare_dataset"):
        if config.get(key):
            return f"With `{key}` rows are read only while training, so nothing can be counted."
    for key in ("reward_model", "process_reward_model", "processor_type"):
        if config.get(key):
            return f"With `{key}` something else than text is learned, which is not shown yet."
    return ""
