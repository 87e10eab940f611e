"""How a run goes through its rows: the keys that matter once rows are tokens."""

from dataclasses import dataclass
from typing import Any

from core.numbers import is_number
from core.spec.axolotl_config import batch_sizes

DEFAULT_SEQUENCE_LEN = 512
DEFAULT_BIN_SIZE = 200
MIN_SAMPLE_LEN = 2
"""Axolotl leaves out rows of fewer tokens unless told otherwise."""

PACKING_ATTENTION = ("flash", "flex", "xformers", "sage")
ATTENTION_KEYS = tuple(f"{name}_attention" for name in PACKING_ATTENTION)


@dataclass(frozen=True)
class Plan:
    """What becomes of rows that are too long, and how many are learned from at once.

    `strategy` is Axolotl's `excess_length_strategy`: drop, truncate or raise. With `real_batches`
    a pack is one row long, else as long as the rows of a micro batch together.
    """

    sequence_len: int = DEFAULT_SEQUENCE_LEN
    micro_batch: int = 1
    gradient_accumulation: int = 1
    gpus: int = 1
    packing: bool = False
    strategy: str = "drop"
    min_sample_len: int = MIN_SAMPLE_LEN
    real_batches: bool = True
    bin_size: int = DEFAULT_BIN_SIZE
    validation: float = 0

    @property
    def capacity(self) -> int:
        """How many tokens a pack holds."""
        return self.sequence_len * (1 if self.real_batches else self.micro_batch)

    @property
    def packs_per_batch(self) -> int:
        """How many packs are computed at once."""
        return self.micro_batch if self.real_batches else 1


def plan_of(config: dict[str, Any], gpus: int = 1) -> Plan:
    """The plan in a run's Axolotl keys, with Axolotl's own defaults; `gpus` train together."""
    micro_batch, accumulation = batch_sizes(config)
    if not config.get("gradient_accumulation_steps") and config.get("batch_size"):
        accumulation = max(1, int(config["batch_size"]) // micro_batch)
    return Plan(
        sequence_len=int(config.get("sequence_len") or DEFAULT_SEQUENCE_LEN),
        micro_batch=micro_batch,
        gradient_accumulation=accumulation,
        gpus=max(1, gpus),
        packing=bool(config.get("sample_packing")) and not config.get("rl"),
        strategy=str(config.get("excess_length_strategy") or "drop").lower(),
        min_sample_len=int(config.get("min_sample_len") or MIN_SAMPLE_LEN),
        real_batches=_has_real_batches(config),
        bin_size=int(config.get("sample_packing_bin_size") or DEFAULT_BIN_SIZE),
        validation=_validation(config),
    )


def _has_real_batches(config: dict[str, Any]) -> bool:
    told = config.get("multipack_real_batches")
    if told is not None:
        return bool(told)
    named = str(config.get("attn_implementation") or "")
    is_told = any(config.get(key) for key in ATTENTION_KEYS)
    return not (named.startswith(PACKING_ATTENTION) or is_told)


def _validation(config: dict[str, Any]) -> float:
    value = config.get("val_set_size")
    return float(value) if is_number(value) and value > 0 else 0.0
