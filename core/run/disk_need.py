"""How much room a run needs on the disk, told from its model's files before it starts.

A checkpoint holds what Transformers' Trainer saves of every number that is trained: the weight
itself and the optimizer's state of it, beside the tokenizer and a few small files.

- LoRA and QLoRA train `lora_r * (rows + columns)` numbers beside each matrix they target, and the
  whole of `lora_modules_to_save`, all in 4 bytes, as PEFT keeps them whatever the model has.
- Full fine-tuning trains every weight, in 2 bytes with bf16 or fp16 (Axolotl's default on a GPU),
  else in 4; an optimizer of PyTorch keeps its state in the same.
- Optimizers of 8 bits keep one byte for each value of their state, except of embeddings, for
  which Transformers has them keep 4.

It comes within 5 % of the checkpoints of the starter model for LoRA, full fine-tuning, and the
optimizers adamw_torch, adamw_bnb_8bit, lion_8bit and adafactor.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import RecordError
from core.files import file_size
from core.spec.prepared import TOKENIZER_FILES
from core.spec.run_spec import RunSpec
from core.weights import Weight, find_model, read_weights

SMALL_FILES_BYTES = 32 * 1024
"""The trainer's state, its arguments, random numbers, the schedule, a README; measured."""
FULL_PRECISION_BYTES = 4
DEFAULT_LIMIT = 4
DEFAULT_OPTIMIZER = "adamw_torch_fused"
HEADS = ("lm_head", "embed_out")
HALF_PRECISION_KEYS = ("bf16", "fp16", "bfloat16", "float16")
STATE_VALUES = (
    ("ademamix", 3),
    ("adafactor", 0),
    ("lion", 1),
    ("sgd", 1),
    ("rmsprop", 1),
    ("adagrad", 1),
    ("muon", 1),
)
"""What optimizers remember of each number; those not listed are of Adam's kind and remember 2."""
STATE_BYTES = (("8bit", 1.0), ("fp8", 1.0), ("4bit", 0.5), ("32bit", 4.0))


@dataclass(frozen=True)
class DiskNeed:
    """The size of a checkpoint, how many lie there at once at most, and that of the result."""

    checkpoint_bytes: int
    kept: int
    result_bytes: int

    @property
    def total_bytes(self) -> int:
        """What the run takes when it takes most."""
        return self.checkpoint_bytes * self.kept + self.result_bytes


@dataclass(frozen=True)
class _Trained:
    """How many numbers are trained, those of embeddings among them, and the bytes of each."""

    values: int
    embedding_values: int
    value_bytes: int


def predict_need(spec: RunSpec, root: Path, on_cpu: bool = False) -> DiskNeed | None:
    """The room the run needs; None when it cannot be told, such as before a first download."""
    folder = find_model(str(spec.axolotl.get("base_model", "")), root)
    if folder is None:
        return None
    try:
        trained = _find_trained(spec, read_weights(folder), on_cpu)
        tokenizer_bytes = sum(
            path.stat().st_size for pattern in TOKENIZER_FILES for path in folder.glob(pattern)
        )
    except (OSError, RecordError):
        return None
    if not trained.values:
        return None
    result_bytes = trained.values * trained.value_bytes + tokenizer_bytes + SMALL_FILES_BYTES
    state_bytes = _state_bytes(str(spec.axolotl.get("optimizer") or DEFAULT_OPTIMIZER), trained)
    return DiskNeed(result_bytes + state_bytes, _count_kept(spec.axolotl), result_bytes)


def folder_bytes(folder: Path) -> int:
    """The size of all files in the folder; 0 when there is none."""
    paths = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    # Checkpoints come and go while they are counted.
    return sum(file_size(path) for path in paths)


def _find_trained(spec: RunSpec, weights: list[Weight], on_cpu: bool) -> _Trained:
    config = spec.axolotl
    if spec.method == "full":
        half = not on_cpu and any(config.get(key, key == "bf16") for key in HALF_PRECISION_KEYS)
        return _whole(weights, 2 if half else FULL_PRECISION_BYTES)
    if spec.method not in ("LoRA", "QLoRA"):
        return _whole([], FULL_PRECISION_BYTES)
    saved_whole = tuple(config.get("lora_modules_to_save") or ())
    whole = _whole([weight for weight in weights if _is_one_of(weight, saved_whole)], 4)
    sides = sum(_sides(weight) for weight in weights if _is_targeted(weight, config))
    return _Trained(
        whole.values + int(config.get("lora_r") or 0) * sides,
        whole.embedding_values,
        FULL_PRECISION_BYTES,
    )


def _whole(weights: list[Weight], value_bytes: int) -> _Trained:
    embeddings = [weight for weight in weights if weight.is_embedding]
    return _Trained(
        sum(weight.values for weight in weights),
        sum(weight.values for weight in embeddings),
        value_bytes,
    )


def _is_targeted(weight: Weight, config: dict[str, Any]) -> bool:
    """Whether LoRA puts its small matrices beside this one."""
    if not weight.module or len(weight.shape) != 2:
        return False
    targets = config.get("lora_target_modules") or []
    # A pattern of somebody else's is not run here; it names every linear layer at most.
    every = config.get("lora_target_linear") or not targets or isinstance(targets, str)
    if every and not weight.is_embedding and not _is_one_of(weight, HEADS):
        return True
    return isinstance(targets, list) and _is_one_of(weight, tuple(targets))


def _is_one_of(weight: Weight, modules: tuple[str, ...]) -> bool:
    return any(weight.module == name or weight.module.endswith(f".{name}") for name in modules)


def _sides(weight: Weight) -> int:
    """Rows and columns together; of a packed matrix at least, for its shape is not told."""
    return 2 * math.isqrt(weight.values) if weight.is_packed else sum(weight.shape)


def _state_bytes(optimizer: str, trained: _Trained) -> int:
    each = next((values for name, values in STATE_VALUES if name in optimizer), 2)
    bytes_each = next(
        (size for name, size in STATE_BYTES if name in optimizer), trained.value_bytes
    )
    exact = trained.embedding_values if "8bit" in optimizer else 0
    state = (trained.values - exact) * bytes_each + exact * FULL_PRECISION_BYTES
    return int(each * state)


def _count_kept(config: dict[str, Any]) -> int:
    """How many checkpoints lie there at once: the oldest goes only once a new one is written."""
    most = int(config.get("save_total_limit") or DEFAULT_LIMIT) + 1
    saves = _count_saves(config)
    # One that is paused saves, whatever its strategy.
    return most if saves is None else max(1, min(most, saves))


def _count_saves(config: dict[str, Any]) -> int | None:
    """How often the run saves; None when that depends on how many steps its data makes."""
    epochs = float(config.get("num_epochs") or 1)
    steps = float(config.get("save_steps") or 0)
    if config.get("saves_per_epoch"):
        return math.ceil(float(config["saves_per_epoch"]) * epochs)
    if steps:
        # Below 1 it is a part of the whole training.
        all_steps = float(config.get("max_steps") or 0) if steps >= 1 else 1.0
        return math.ceil(all_steps / steps) if all_steps else None
    strategy = config.get("save_strategy", "epoch")
    if strategy in ("no", False):
        return 0
    return math.ceil(epochs) if strategy == "epoch" else None
