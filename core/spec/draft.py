"""What the form of a new run holds. Pure values; `draft_write` and `draft_read` know specs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

METHODS = ("lora", "qlora", "full")
PRECISIONS = ("auto", "bf16", "fp16", "fp32")
LEARNING_RATES = {"lora": 2e-4, "qlora": 2e-4, "full": 2e-5}
OWN_TEMPLATE = "tokenizer_default"
FALLBACK_TEMPLATE = "alpaca"
"""For models without a template of their own. ChatML would need new tokens to be trained: without
them the end of a turn is not learned."""

SMALL_BATCH, LARGE_BATCH = (1, 8), (2, 4)
"""Micro batch size and gradient accumulation, for large and for small models."""
LARGE_MODEL_PARAMETERS = 3_000_000_000


@dataclass(frozen=True)
class Draft:
    """The form's values, with defaults for little data and a card of 12 GB.

    `extra` holds Axolotl keys of a preset or an earlier run that the form has no field for.
    `rl` is the method for preference data, empty for any other. `turn_end` is the token behind an
    answer in the model's own chat template, where that is not its eos token.
    """

    name: str = ""
    base_model: str = "./models/starter"
    dataset: str = ""
    method: str = "lora"
    num_epochs: float = 3.0
    learning_rate: float = 2e-4
    micro_batch_size: int = 2
    gradient_accumulation_steps: int = 4
    sequence_len: int = 1024
    lora_r: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    gpus: int = 1
    precision: str = "auto"
    val_set_size: float = 0.0
    sample_packing: bool = False
    seed: int = 42
    gradient_checkpointing: bool = True
    chat_template: str = OWN_TEMPLATE
    rl: str = ""
    turn_end: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def effective_batch(self) -> int:
        """Rows that one step of training learns from."""
        return self.micro_batch_size * self.gradient_accumulation_steps * max(1, self.gpus)


LIMITS: dict[str, tuple[float, float]] = {
    "num_epochs": (0.01, 1000.0),
    "learning_rate": (0.0, 1.0),
    "micro_batch_size": (1, 1024),
    "gradient_accumulation_steps": (1, 4096),
    "sequence_len": (8, 1_048_576),
    "lora_r": (1, 1024),
    "lora_alpha": (1, 4096),
    "lora_dropout": (0.0, 0.95),
    "val_set_size": (0.0, 1_000_000.0),
    "seed": (0, 2**31 - 1),
}
"""What the form's numbers can be."""

OWN_KEYS = frozenset(Draft.__dataclass_fields__) | {
    "run",
    "remove_unused_columns",
    "datasets",
    "test_datasets",
    "adapter",
    "load_in_4bit",
    "load_in_8bit",
    "bf16",
    "fp16",
    "tf32",
}
"""Keys of a spec that the form has a field for."""

RUN_KEYS = ("name", "gpus")
"""Keys of the `run` block that the form has a field for."""


def suited_batch(parameters: float) -> tuple[int, int]:
    """Micro batch size and gradient accumulation for a model of this size on a card of 12 GB."""
    return SMALL_BATCH if parameters >= LARGE_MODEL_PARAMETERS else LARGE_BATCH
