"""Ends a training whose loss is no number any more: from there on it only destroys weights."""

import math
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

PATIENCE = 3
"""So many logged losses in a row; a single one may be a bad batch."""


class NotFiniteLoss(ArithmeticError):
    """The loss was infinite or not a number several times in a row."""


class FiniteLoss(TrainerCallback):
    """Raises NotFiniteLoss when the loss stays infinite or not a number."""

    def __init__(self) -> None:
        self._steps: list[int] = []

    def on_log(
        self,
        args: Any,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        loss = (logs or {}).get("loss")
        if loss is None:
            return
        self._steps = [] if math.isfinite(loss) else [*self._steps, state.global_step]
        if len(self._steps) == PATIENCE:
            steps = ", ".join(f"{step:,}" for step in self._steps)
            raise NotFiniteLoss(f"the loss was not a finite number at steps {steps}")
