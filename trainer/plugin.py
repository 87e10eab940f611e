"""The Axolotl plugin: makes a training repeatable, steers it, and reports what it does.

Started by hand (`axolotl train runs/<id>/axolotl.yaml`) it does only the first, so that the run is
the same.
"""

import gc
import os
from typing import Any

import torch
from axolotl.integrations.base import BasePlugin
from transformers import TrainerCallback, set_seed

from core.run.phase import Stage
from trainer.finite import FiniteLoss
from trainer.journal import find_journal
from trainer.packing import PackedOrder, keep_compiled
from trainer.prepared import sweep_half_written
from trainer.ranks import allow_cpu_ranks
from trainer.reporter import RunReporter
from trainer.resuming import Resuming
from trainer.steering import Steering
from trainer.thrift import Thrift
from trainer.unheard import spare_unheard
from trainer.written_chats import keep_texts


class RunPlugin(BasePlugin):
    """Seeds from the first weight on, lets runs pause and resume, and keeps the run's journal."""

    def __init__(self) -> None:
        super().__init__()
        self.journal = find_journal()
        self.steering = Steering()
        self.reporter = RunReporter(self.journal, self.steering) if self.journal else None

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
            allow_cpu_ranks(cfg)
        spare_unheard()
        if cfg.sample_packing:
            keep_compiled()
        if cfg.dataset_prepared_path:
            sweep_half_written(cfg.dataset_prepared_path)
        # Where rows are packed, Axolotl counts the steps by packing some random orders.
        set_seed(cfg.seed)

    def pre_model_load(self, cfg: Any) -> None:
        """Seeds: Axolotl draws the adapter's first weights before it ever sets its seed."""
        if self.journal:
            self.journal.stage(Stage.MODEL)
        set_seed(cfg.seed)
        if cfg.rl == "orpo":
            keep_texts()

    def get_training_args(self, cfg: Any) -> dict[str, Any]:
        """A loss that is no number is told as it is; Hugging Face would put a mean in its place."""
        return {"logging_nan_inf_filter": False}

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[TrainerCallback]:
        callbacks: list[TrainerCallback] = [Resuming(trainer, cfg), Thrift(trainer)]
        if cfg.sample_packing and hasattr(trainer, "_create_multipack_sampler"):
            callbacks.append(PackedOrder(trainer, cfg.seed))
        if self.reporter:
            callbacks += [self.steering, self.reporter, FiniteLoss()]
        return callbacks
