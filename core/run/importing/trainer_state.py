"""What a `trainer_state.json` tells of a training. Transformers writes it with every checkpoint."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from core.monitor.row import MAX_NUMBER, MAX_STEP
from core.numbers import is_number
from core.run.log_event import METRIC_NAMES

LOGGED = "log_history"
TOLD = (
    "global_step",
    "max_steps",
    "epoch",
    "num_train_epochs",
    "train_batch_size",
    "num_input_tokens_seen",
)

NAMES = METRIC_NAMES | {
    "num_input_tokens_seen": "tokens",
    "num_tokens": "tokens",
    "tokens_per_second_per_gpu": "tokens_per_second",
    "train_tokens_per_second": "tokens_per_second",
}
"""Names of other versions and of Transformers itself besides."""

COUNTS = ("tokens", "trainable_tokens")
MEMORY = "gpu_memory_gib"
"""Told as 0 on a CPU."""

Entries: TypeAlias = Iterable[tuple[str, Any]]
"""The keys of the file with their values; each log event on its own under LOGGED."""


@dataclass(frozen=True)
class TrainerState:
    """How a training went. What is not told is 0, or None.

    `log_events` are those with a loss; `runtime_s` is how long the training took, told at its end.
    """

    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    total_epochs: float = 0.0
    micro_batch_size: int = 0
    tokens: int = 0
    log_events: int = 0
    loss: float | None = None
    eval_loss: float | None = None
    best_eval_loss: float | None = None
    runtime_s: float | None = None


def summarise(entries: Entries) -> TrainerState:
    """The whole in short."""
    told: dict[str, Any] = {}
    last: dict[str, Any] = {}
    best, count, runtime_s = math.inf, 0, None
    for key, value in entries:
        if key in TOLD:
            told[key] = value
        if key != LOGGED:
            continue
        runtime_s = _number(value, "train_runtime") or runtime_s
        row = metric_row(value)
        if row is not None:
            count, last = count + 1, last | row
            best = min(best, row.get("eval_loss", math.inf))
    return TrainerState(
        step=_count(told, "global_step") or last.get("step", 0),
        total_steps=_count(told, "max_steps"),
        epoch=_number(told, "epoch") or last.get("epoch", 0.0),
        total_epochs=_number(told, "num_train_epochs") or 0.0,
        micro_batch_size=_count(told, "train_batch_size"),
        tokens=last.get("tokens", 0) or _count(told, "num_input_tokens_seen"),
        log_events=count,
        loss=last.get("loss"),
        eval_loss=last.get("eval_loss"),
        best_eval_loss=best if best < math.inf else None,
        runtime_s=runtime_s,
    )


def metric_rows(entries: Entries) -> Iterator[dict[str, Any]]:
    """The log events as they stand in `metrics.jsonl`, without their times."""
    rows = (metric_row(value) for key, value in entries if key == LOGGED)
    return (row for row in rows if row is not None)


def metric_row(event: Any) -> dict[str, Any] | None:
    """One log event in our words; None where it tells of no step, or of no loss."""
    if not isinstance(event, dict):
        return None
    step = _number(event, "step")
    if step is None or not 0 <= step <= MAX_STEP:
        return None
    row: dict[str, Any] = {"step": int(step), "epoch": _number(event, "epoch") or 0.0}
    lost = []
    for theirs, value in event.items():
        ours = NAMES.get(theirs)
        if ours is None or not is_number(value):
            continue
        if ours in COUNTS:
            if 0 <= value <= MAX_STEP:
                row[ours] = int(value)
        elif -MAX_NUMBER <= value <= MAX_NUMBER:
            row[ours] = float(value)
        else:
            lost.append(ours)
    if not row.get(MEMORY):
        row.pop(MEMORY, None)
    # The summary at the end of a training has neither.
    if not any(key in row or key in lost for key in ("loss", "eval_loss")):
        return None
    return row | ({"not_finite": lost} if lost else {})


def _number(record: Any, key: str) -> float | None:
    value = record.get(key) if isinstance(record, Mapping) else None
    if not is_number(value) or not 0 <= value <= MAX_NUMBER:
        return None
    return float(value)


def _count(record: Mapping[str, Any], key: str) -> int:
    value = _number(record, key) or 0.0
    return int(value) if value <= MAX_STEP else 0
