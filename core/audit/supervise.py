"""What a run learns from its rows, under a plan that can be changed without asking again."""

import math
import random
from dataclasses import dataclass

from core.audit.cut import Kept, keep
from core.audit.plan import Plan
from core.audit.result import Audit, Packing

MAX_PACKED_TO_ESTIMATE = 2000


@dataclass(frozen=True)
class Supervision:
    """What an epoch is made of. Plain text is counted in pieces, else `rows` are rows.

    `rows_kept` are trained or validated on, `rows_validation` of them the latter. Too long rows
    are in `rows_dropped` or in `rows_cut`. `rows_without_learning` pass the length limit with
    nothing to learn: packing leaves them out, else they are kept. `is_about` tells that the
    numbers are of a sample, or estimated; `packs_are_about`, that the packs and steps are.
    """

    rows: int
    rows_kept: int
    rows_dropped: int
    rows_cut: int
    rows_without_learning: int
    rows_validation: int
    tokens: int
    tokens_kept: int
    tokens_lost: int
    tokens_trained: int
    packs: int
    steps_per_epoch: int
    is_about: bool
    packs_are_about: bool

    @property
    def share_trained(self) -> float:
        """Which part of the kept tokens is learned."""
        return self.tokens_trained / self.tokens_kept if self.tokens_kept else 0.0

    @property
    def share_lost(self) -> float:
        """Which part of all tokens is left out or cut off."""
        return self.tokens_lost / self.tokens if self.tokens else 0.0


def supervise(audit: Audit, plan: Plan) -> Supervision:
    """What Axolotl would make of the audited rows under the plan."""
    kept, scale = keep(audit, plan), audit.scale
    rows = _times(kept.rows - (kept.unlearning if plan.packing else 0), scale)
    validation = min(rows, count_validation(rows, plan.validation))
    share = (rows - validation) / rows if rows else 0.0
    packs, are_about = _count_packs(audit, plan, kept, share) if plan.packing else (0, False)
    all_rows = _times(audit.sequences, scale)
    tokens = _times(sum(bar.tokens for bar in audit.histogram), scale)
    return Supervision(
        rows=all_rows,
        rows_kept=rows,
        rows_dropped=all_rows - _times(kept.rows, scale),
        rows_cut=_times(kept.cut, scale),
        rows_without_learning=_times(kept.unlearning, scale),
        rows_validation=validation,
        tokens=tokens,
        tokens_kept=_times(kept.tokens, scale),
        tokens_lost=tokens - _times(kept.tokens, scale),
        tokens_trained=_times(kept.trained, scale),
        packs=packs,
        steps_per_epoch=_count_steps(packs if plan.packing else rows - validation, plan),
        is_about=audit.is_sample or kept.is_about,
        packs_are_about=are_about,
    )


def count_validation(rows: int, validation: float) -> int:
    """How many rows `val_set_size` sets aside: a share of them, or so many."""
    return math.ceil(rows * validation) if validation < 1 else int(validation)


def _times(count: int, scale: float) -> int:
    return count if scale == 1.0 else round(count * scale)


def _count_steps(units: int, plan: Plan) -> int:
    """Steps per epoch of so many rows or packs; the last packs that fill no batch are left out."""
    if plan.packing:
        batches = units // plan.packs_per_batch // plan.gpus
    else:
        batches = math.ceil(units / (plan.micro_batch * plan.gpus))
    return math.ceil(batches / plan.gradient_accumulation)


def _count_packs(audit: Audit, plan: Plan, kept: Kept, share: float) -> tuple[int, bool]:
    """The packs of an epoch, and whether that is an estimate.

    Axolotl's own count where the audit has it for this limit, else from how full packs are.
    """
    found = audit.packing
    if found and _is_counted_for(found, plan) and found.tokens:
        packs = found.packs * share * audit.scale
        return math.ceil(packs), packs != found.packs
    lengths = _some_lengths(audit, plan)
    if not lengths:
        return 0, False
    some = first_fit(lengths, plan.capacity, plan.bin_size)
    if len(lengths) == _fitting(audit, plan) and share == audit.scale == 1.0:
        return some, True
    fullness = sum(lengths) / (some * plan.capacity)
    return math.ceil(kept.tokens * share * audit.scale / plan.capacity / fullness), True


def _is_counted_for(packing: Packing, plan: Plan) -> bool:
    names = ("sequence_len", "capacity", "strategy", "min_sample_len", "bin_size")
    return all(getattr(packing, name) == getattr(plan, name) for name in names)


def _fitting(audit: Audit, plan: Plan) -> int:
    return sum(rows for _, rows in _lengths(audit, plan))


def _lengths(audit: Audit, plan: Plan) -> list[tuple[int, int]]:
    """The lengths that are packed, each with the number of its rows."""
    limit, is_cut = plan.sequence_len, plan.strategy == "truncate"
    return [
        (min(bar.length, limit), bar.rows - bar.unlearning)
        for bar in audit.histogram
        if bar.length >= plan.min_sample_len and (is_cut or bar.length <= limit)
    ]


def _some_lengths(audit: Audit, plan: Plan) -> list[int]:
    """Lengths of rows in a random order: of all of them, or of some that are spread evenly."""
    pairs = _lengths(audit, plan)
    total = sum(rows for _, rows in pairs)
    wanted = min(total, MAX_PACKED_TO_ESTIMATE)
    lengths, seen = [], 0
    for length, rows in pairs:
        begin, seen = seen, seen + rows
        lengths += [length] * (seen * wanted // total - begin * wanted // total if total else 0)
    random.Random(0).shuffle(lengths)
    return lengths


def first_fit(lengths: list[int], capacity: int, bin_size: int) -> int:
    """How many packs there are when each row goes into the first pack with room, as in Axolotl."""
    room: list[int] = []
    held: list[int] = []
    for length in lengths:
        for at, free in enumerate(room):
            if free >= length and held[at] < bin_size:
                room[at] -= length
                held[at] += 1
                break
        else:
            room.append(capacity - length)
            held.append(1)
    return len(room)
