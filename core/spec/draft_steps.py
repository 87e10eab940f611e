"""How many steps a draft will train, as far as that can be told before."""

import math

from core.dataset.card import Dataset
from core.numbers import is_whole
from core.spec.draft import Draft

CHARACTERS_PER_TOKEN = 4


def count_steps(draft: Draft, dataset: Dataset) -> int:
    """About how many steps of training it will be; less with sample packing of chats."""
    limit = draft.extra.get("max_steps")
    if is_whole(limit) and limit > 0:
        return limit
    return max(1, math.ceil(steps_per_epoch(draft, dataset) * draft.num_epochs))


def steps_per_epoch(draft: Draft, dataset: Dataset) -> float:
    """About how many steps it takes to go through all rows once."""
    rows = dataset.rows
    share = max(1, rows - count_aside(draft, dataset)) / max(1, rows)
    return share * _sequences(draft, dataset) / draft.effective_batch


def count_aside(draft: Draft, dataset: Dataset) -> int:
    """The rows that Axolotl sets aside for validation, rounding a part up."""
    if dataset.validation_rows or not draft.val_set_size:
        return 0
    if draft.val_set_size > 1:
        return int(draft.val_set_size)
    return math.ceil(draft.val_set_size * dataset.rows)


def _sequences(draft: Draft, dataset: Dataset) -> float:
    """What one epoch trains on: the rows, or the pieces that long plain texts are cut into."""
    total = dataset.report.total_characters
    if dataset.kind != "completion" or not total:
        return dataset.rows
    # The report counts the rows that were set aside as well.
    total_rows = max(1, dataset.rows + dataset.validation_rows)
    full = total * dataset.rows / total_rows / CHARACTERS_PER_TOKEN / draft.sequence_len
    return max(1.0, full) if draft.sample_packing else max(float(dataset.rows), full)
