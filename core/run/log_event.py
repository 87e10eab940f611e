"""A log event of a training as it stands in `metrics.jsonl`."""

import math
from collections.abc import Mapping
from typing import Any

METRIC_NAMES = {
    "loss": "loss",
    "eval_loss": "eval_loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "tokens/total": "tokens",
    "tokens/trainable": "trainable_tokens",
    "tokens/train_per_sec_per_gpu": "tokens_per_second",
    "memory/max_allocated (GiB)": "gpu_memory_gib",
}
"""Axolotl's names of what it logs, and ours."""


def tell_finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON holds them: what is not finite is left out and named in `not_finite`."""
    bad = [key for key, value in values.items() if _is_lost(value)]
    row = {key: value for key, value in values.items() if key not in bad}
    return row | ({"not_finite": bad} if bad else {})


def _is_lost(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
