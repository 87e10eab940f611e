"""The metrics of a training that has gone on for as long as one likes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
ROWS_AT_ONCE = 20_000
TOKENS_PER_STEP = 4096
STEPS_PER_EPOCH = 10_000


def write_metrics(
    path: Path,
    rows: int,
    first: int = 1,
    eval_every: int = 1000,
    spikes: dict[int, float] | None = None,
    begin: datetime = BEGIN,
    seconds_per_step: float = 1.0,
) -> None:
    """Append a log event per step from `first` on, as the trainer writes them.

    `spikes` are losses at certain steps; each `eval_every` steps there is a validation loss.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for start in range(first, first + rows, ROWS_AT_ONCE):
            end = min(start + ROWS_AT_ONCE, first + rows)
            file.writelines(_lines(start, end, eval_every, spikes or {}, begin, seconds_per_step))


def _lines(
    start: int,
    end: int,
    eval_every: int,
    spikes: dict[int, float],
    begin: datetime,
    seconds_per_step: float,
) -> Iterator[str]:
    steps = np.arange(start, end)
    noise = np.random.default_rng(start).normal(0, 0.08, len(steps))
    losses = (0.6 + 2.4 / (1 + steps / 400) ** 0.5 + noise).clip(0.01).round(4).tolist()
    for step, loss in zip(steps.tolist(), losses, strict=True):
        at = begin + timedelta(seconds=step * seconds_per_step)
        where = (
            f'{{"at": "{at.isoformat(timespec="milliseconds")[:-6]}Z", "attempt": 1, '
            f'"step": {step}, "total_steps": 1000000, "epoch": {step / STEPS_PER_EPOCH:.4f}, '
        )
        tokens = f'"tokens": {step * TOKENS_PER_STEP}'
        yield (
            f'{where}"loss": {spikes.get(step, loss)}, '
            f'"learning_rate": {2e-4 / (1 + step / 9e4):.4e}, '
            f'"grad_norm": {0.4 + loss / 3:.4f}, {tokens}, '
            f'"tokens_per_second": {3100 + loss * 40:.1f}, "gpu_memory_gib": 11.25}}\n'
        )
        if step % eval_every == 0:
            yield f'{where}{tokens}, "eval_loss": {loss + 0.1:.4f}}}\n'
