"""How many packs Axolotl makes of the rows, counted with its own packing."""

from typing import Any

import numpy as np

from core.audit.plan import Plan
from core.audit.result import Packing
from trainer.audit.tally import Tally


def count_packs(tally: Tally, plan: Plan) -> Packing | None:
    """The packs of the rows that fit; None when none do."""
    lengths = find_lengths(tally, plan)
    if not len(lengths):
        return None
    from axolotl.utils.samplers.multipack import pack_parallel

    from trainer.packing import keep_compiled

    keep_compiled()
    # In a training chance decides the order anew for each epoch; the packs are nearly as many.
    np.random.default_rng(0).shuffle(lengths)
    packs = pack_parallel(
        lengths,
        bin_capacity=plan.capacity,
        group_size=100_000,
        bin_size=plan.bin_size,
        num_processes=1,
    )
    return Packing(
        plan.sequence_len,
        plan.capacity,
        int(lengths.sum()),
        len(packs),
        plan.strategy,
        plan.min_sample_len,
        plan.bin_size,
    )


def find_lengths(tally: Tally, plan: Plan) -> Any:
    """The length of every row that is packed."""
    lengths, limit, is_cut = [], plan.sequence_len, plan.strategy == "truncate"
    for bar in tally.histogram():
        if bar.length >= plan.min_sample_len and (is_cut or bar.length <= limit):
            lengths += [min(bar.length, limit)] * (bar.rows - bar.unlearning)
    return np.asarray(lengths, dtype=np.int32)
