"""The Axolotl plugin: seeds the training and reports what it does.

Started by hand (`axolotl train runs/<id>/axolotl.yaml`) it only seeds, so that the run is the same.
"""

import gc
import os
from typing import Any

import torch
from axolotl.integrations.base import BasePlugin
from transformers import TrainerCallback, TrainerControl, TrainerState, set_seed

from core.run.phase import Stage
from trainer.journal import Journal, find_journal
from trainer.prepared import sweep_half_written
from trainer.wishes import WISHES

METRIC_NAMES = {
    "loss": "loss",
    "eval_loss": "eval_loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "tokens/total": "tokens",
    "tokens/trainable": "trainable_tokens",
    "tokens/train_per_sec_per_gpu": "tokens_per_second",
    "memory/max_allocated (GiB)": "gpu_memory_gib",
}
"""Axolotl's names of what it logs, and ours."""


class RunPlugin(BasePlugin):
    """Seeds from the first weight on and keeps the run's journal."""

    def __init__(self) -> None:
        super().__init__()
        self.journal = find_journal()
        self.reporter = RunReporter(self.journal) if self.journal else None

    def register(self, cfg: dict[str, Any]) -> None:
        """Says that the plugin is there: Axolotl would train on without it."""
        # Axolotl collects garbage at every load and save; thousands of modules make that slow.
        gc.freeze()
        if self.journal:
            self.journal.write("plugin")

    def load_datasets(self, cfg: Any, preprocess: bool = False) -> None:
        """Leaves loading to Axolotl, once half-written prepared data is out of its way."""
        if self.journal:
            self.journal.stage(Stage.DATASET)
        if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not torch.cuda.is_available():
            # Axolotl maps each rank to the GPU of its number, whether there is one or not.
            cfg.device_map = {"": "cpu"}
        if cfg.dataset_prepared_path:
            sweep_half_written(cfg.dataset_prepared_path)

    def pre_model_load(self, cfg: Any) -> None:
        """Seeds: Axolotl draws the adapter's first weights before it ever sets its seed."""
        if self.journal:
            self.journal.stage(Stage.MODEL)
        set_seed(cfg.seed)

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[TrainerCallback]:
        return [self.reporter] if self.reporter else []


class RunReporter(TrainerCallback):
    """Writes stages and metrics, and obeys wishes between two steps."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.trained = False

    def on_train_begin(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.journal.write("plan", step=state.global_step, total_steps=state.max_steps)
        self.journal.stage(Stage.EVALUATING if args.eval_on_start else Stage.TRAINING)

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
        # The summary at the end of a training has neither.
        if "loss" in values or "eval_loss" in values:
            where = {"step": state.global_step, "total_steps": state.max_steps}
            self.journal.metric({**where, "epoch": state.epoch, **values})

    def on_step_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if WISHES.stop and state.global_step < state.max_steps:
            control.should_save = control.should_training_stop = True
        if WISHES.checkpoint:
            WISHES.checkpoint = False
            control.should_save = True
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

    def on_evaluate(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.journal.stage(Stage.SAVING if control.should_save else Stage.TRAINING)

    def on_save(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        path = f"checkpoint-{state.global_step}"
        self.journal.write("checkpoint", step=state.global_step, path=path)
        self.journal.stage(Stage.TRAINING)

    def on_train_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        stopped = WISHES.stop and state.global_step < state.max_steps
        if stopped:
            self.journal.write("stopped", step=state.global_step)
        self.trained = not stopped
        self.last_step = state.global_step
        self.journal.stage(Stage.ENDING)
