"""Data prepared without worker processes where they only cost time.

`datasets` makes a pool even for a single worker. To save it makes one of new interpreters, which
import everything again: seconds, for writing what one process writes in a blink.
"""

import functools
from collections.abc import Callable
from typing import Any

MANY_ROWS = 20_000
"""Axolotl filters mostly by the length of rows, and so many of them take a tenth of a second."""


def keep_in_process() -> None:
    """Let `datasets` work in this process where that is sooner, and always where it saves.

    Before data is prepared; once more does no harm. Rows and Axolotl's own keys stay the same.
    """
    from datasets import Dataset

    Dataset.map = with_processes(Dataset.map, none_for_one)
    Dataset.filter = with_processes(Dataset.filter, none_for_few)
    Dataset.save_to_disk = with_processes(Dataset.save_to_disk, none_at_all)


def none_for_one(asked: int | None, rows: int) -> int | None:
    """How many worker processes to use: none where one is asked for."""
    return None if asked == 1 else asked


def none_for_few(asked: int | None, rows: int) -> int | None:
    """None where they would take longer to start than all the rows take."""
    return None if rows < MANY_ROWS else none_for_one(asked, rows)


def none_at_all(asked: int | None, rows: int) -> None:
    """No worker processes, however many are asked for."""


def with_processes(
    method: Callable[..., Any], choose: Callable[[int | None, int], int | None]
) -> Callable[..., Any]:
    """The method, with as many worker processes as `choose` makes of those asked for."""

    @functools.wraps(method)
    def call(dataset: Any, *arguments: Any, num_proc: int | None = None, **options: Any) -> Any:
        return method(dataset, *arguments, num_proc=choose(num_proc, len(dataset)), **options)

    return call
