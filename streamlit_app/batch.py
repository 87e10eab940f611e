"""The batch of a run after it was halved for want of GPU memory. Pure."""

from collections.abc import Mapping
from typing import Any

from core.spec.axolotl_config import batch_sizes, shrunk_micro_batch


def shrunk(config: Mapping[str, Any], times: int) -> dict[str, int]:
    """The batch keys of a spec as they are after so many halvings."""
    asked = dict(config)
    micro_batch, accumulation = batch_sizes(asked)
    smaller = shrunk_micro_batch(asked, times)
    keys = {"micro_batch_size": smaller}
    # Axolotl takes only one of the two.
    if not asked.get("batch_size"):
        keys["gradient_accumulation_steps"] = micro_batch * accumulation // smaller
    return keys


def next_halving(config: Mapping[str, Any], times: int) -> list[str]:
    """What one more halving changes: `micro_batch_size 2 instead of 4`; empty when it cannot be."""
    before, after = shrunk(config, times), shrunk(config, times + 1)
    return [
        f"{key} {after[key]} instead of {before[key]}" for key in after if after[key] != before[key]
    ]
