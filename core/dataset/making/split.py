"""Setting rows aside for validation, so that what is asked there was never trained on.

On which side a row falls depends on what it says and on the seed alone: the same data and the same
seed are always split alike, and rows that say the same are always on the same side.
"""

from array import array
from pathlib import Path

import numpy as np

from core.errors import DatasetError
from core.paths import DatasetPaths

MAX_VALIDATION_FRACTION = 0.5


def check_validation(validation: float) -> None:
    """Raise DatasetError unless so much can be set aside: a part of the rows, or a number."""
    is_part = 0 <= validation <= MAX_VALIDATION_FRACTION
    if not is_part and not (validation >= 1 and float(validation).is_integer()):
        raise DatasetError(
            f"The validation part must be from 0 to 0.5, or a whole number of rows, not "
            f"{validation:g}."
        )


def split_rows(rows: Path, keys: "array[int]", validation: float, paths: DatasetPaths) -> int:
    """Divide the rows into `train.jsonl` and `validation.jsonl`; returns how many are set aside.

    `keys` has one number per line of `rows`; `validation` is a part below 1 or a number of rows.
    The number is met to the row where no two rows say the same. Raises DatasetError when there
    are too few.
    """
    aside = _choose(keys, validation)
    with (
        rows.open("rb") as source,
        paths.train.open("wb") as train,
        paths.validation.open("wb") as held,
    ):
        for line, is_aside in zip(source, aside, strict=True):
            (held if is_aside else train).write(line)
    return int(aside.sum())


def _choose(keys: "array[int]", validation: float) -> "np.ndarray":
    """For each row whether it is set aside: those with the smallest keys."""
    numbers = np.frombuffer(keys, dtype=np.uint64)
    different, counts = np.unique(numbers, return_counts=True)
    wanted = validation if validation >= 1 else max(1.0, round(validation * len(numbers)))
    # Rows that say the same go together, so the last group may take it a little further.
    groups = int(np.searchsorted(np.cumsum(counts), wanted)) + 1
    groups = min(groups, len(different) - 1)
    if groups < 1 or (validation >= 1 and validation > len(numbers) * MAX_VALIDATION_FRACTION):
        raise DatasetError(
            "too few different rows to set so many aside for validation. Upload more rows, or "
            "set fewer aside"
        )
    return np.asarray(numbers <= different[groups - 1])
