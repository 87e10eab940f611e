"""Tells what a training does: stages, numbers, signs of life, its last word."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState
from transformers.trainer_utils import has_length

from core.files import sync_tree
from core.run.log_event import METRIC_NAMES
from core.run.phase import Stage
from trainer.beat import Beat
from trainer.journal import Journal
from trainer.steering import Steering


class RunReporter(TrainerCallback):
    """Writes stages, metrics and the sign of life; of several ranks only the first does.

    `trained` is whether the training came to its planned end, `last_step` where it ended.
    """

    def __init__(
        self, journal: Journal, steering: Steering, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.journal = journal
        self.steering = steering
        self.beat = Beat(journal.paths.beat, clock) if journal.speaks else None
        self.trained = False
        self.last_step = 0
        self._batches_done = 0
        self._has_stepped = False

    def on_train_begin(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.beat:
            self.beat.step(state.global_step + 1)
        self.journal.write("plan", step=state.global_step, total_steps=state.max_steps)
        self.journal.stage(Stage.EVALUATING if args.eval_on_start else Stage.TRAINING)

    def on_step_begin(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.beat:
            self.beat.step(state.global_step + 1)

    def on_log(
        self,
        args: Any,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        logged = logs or {}
        values = {ours: logged[key] for key, ours in METRIC_NAMES.items() if key in logged}
        if not values.get("gpu_memory_gib"):
            values.pop("gpu_memory_gib", None)
        if "tokens_per_second" in values:
            # Axolotl tells what each process does.
            values["tokens_per_second"] *= args.world_size
        # The summary at the end of a training has neither.
        if "loss" in values or "eval_loss" in values:
            where = {"step": state.global_step, "total_steps": state.max_steps}
            self.journal.metric({**where, "epoch": state.epoch, **values})

    def on_step_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if not self._has_stepped:
            self._has_stepped = True
            self.journal.write("first_step", step=state.global_step)
        self._announce(control)

    def on_epoch_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._announce(control)

    def _announce(self, control: TrainerControl) -> None:
        """Say what the trainer does next; there is no event when it begins to."""
        if control.should_evaluate:
            self.journal.stage(Stage.EVALUATING)
        elif control.should_save:
            self.journal.stage(Stage.SAVING)

    def on_prediction_step(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._batches_done += 1
        if self.beat and self.beat.touch():
            batches = kwargs["eval_dataloader"]
            total = len(batches) if has_length(batches) else None
            self.journal.write("evaluation", done=self._batches_done, total=total)

    def on_evaluate(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._batches_done = 0
        self.journal.stage(Stage.SAVING if control.should_save else Stage.TRAINING)

    def on_save(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        path = f"checkpoint-{state.global_step}"
        # Every rank has written to it. Unflushed, it would be lost in a power cut half a minute on.
        sync_tree(Path(args.output_dir) / path)
        self.journal.write("checkpoint", step=state.global_step, path=path)
        self.journal.stage(Stage.TRAINING)

    def on_train_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.steering.stopping:
            self.journal.write("stopped", step=state.global_step)
        self.trained = not self.steering.stopping
        self.last_step = state.global_step
        self.journal.stage(Stage.ENDING)
