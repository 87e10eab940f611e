"""Stops and saves between two steps: as wished, and from time to time."""

import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState
from transformers.trainer_utils import SaveStrategy

from trainer.ranks import agree
from trainer.wishes import WISHES, Wishes

SAVE_EVERY_S = 300.0
"""At most so many seconds of training are lost when it is killed."""

SAVE_SHARE = 20
"""Saving takes at most one part in so many of the time, however large the checkpoints are."""


class Steering(TrainerCallback):
    """Obeys wishes and saves by time, on all ranks at the same step.

    `stopping` is whether the training ends early on request.
    """

    def __init__(
        self, wishes: Wishes = WISHES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.wishes = wishes
        self.clock = clock
        self.stopping = False
        self._saved_step = 0
        self._saved_at = self._save_began_at = clock()
        self._save_took_s = 0.0
        self._put_off = False

    def on_train_begin(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._saved_at = self.clock()

    def on_step_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        stop, save = agree(self.wishes.stop, self.wishes.take_checkpoint() or self._is_due())
        self.stopping = stop and state.global_step < state.max_steps
        control.should_training_stop |= self.stopping
        control.should_save |= self.stopping or save
        if ends_epoch(state) and args.save_strategy != SaveStrategy.BEST:
            # An evaluation at the epoch's end belongs before the checkpoint.
            self._put_off, control.should_save = control.should_save, False
        self._save_began_at = self.clock()

    def on_evaluate(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._save_began_at = self.clock()

    def on_epoch_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        control.should_save |= self._put_off
        self._put_off = False
        if self.stopping:
            if not ends_epoch(state):
                control.should_evaluate = control.should_log = False
            control.should_save = self._saved_step != state.global_step
        self._save_began_at = self.clock()

    def on_save(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._saved_step = state.global_step
        self._saved_at = self.clock()
        self._save_took_s = self._saved_at - self._save_began_at

    def _is_due(self) -> bool:
        wait_s = max(SAVE_EVERY_S, SAVE_SHARE * self._save_took_s)
        return self.clock() - self._saved_at >= wait_s


def ends_epoch(state: TrainerState) -> bool:
    """Whether the step was the last of its epoch."""
    return float(state.epoch).is_integer()
