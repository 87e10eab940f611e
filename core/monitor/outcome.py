"""What came of a training, or has come of it so far, in a few numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.monitor.series import Series


@dataclass(frozen=True)
class Outcome:
    """The newest and the lowest losses; tokens per second are the median over the whole run."""

    loss: float | None = None
    best_loss: float | None = None
    eval_loss: float | None = None
    best_eval_loss: float | None = None
    best_eval_step: int | None = None
    tokens_per_second: float | None = None


def outcome(series: Series) -> Outcome:
    """The outcome as far as the metrics have been read."""
    _, losses = series.points("loss")
    eval_steps, evals = series.points("eval_loss")
    _, speeds = series.points("tokens_per_second")
    return Outcome(
        loss=_number(losses[-1]) if len(losses) else None,
        best_loss=_number(losses.min()) if len(losses) else None,
        eval_loss=_number(evals[-1]) if len(evals) else None,
        best_eval_loss=_number(evals.min()) if len(evals) else None,
        best_eval_step=_step(eval_steps, evals),
        tokens_per_second=_number(np.median(speeds)) if len(speeds) else None,
    )


def _step(steps: NDArray[Any], values: NDArray[Any]) -> int | None:
    return int(steps[values.argmin()]) if len(values) else None


def _number(value: Any) -> float:
    """A number of single precision by its shortest digits: 0.1, not 0.10000000149."""
    return float(str(np.float32(value)))
