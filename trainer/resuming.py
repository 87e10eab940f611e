"""What it takes to go on exactly, beyond what a checkpoint of Hugging Face holds."""

import json
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from core.errors import RecordError
from core.files import load_json


class Resuming(TrainerCallback):
    """Lets a resumed training log and end as if it had never stopped.

    Every rank keeps its losses since the last log beside the checkpoint: the next logged loss is
    then the mean of as many steps as it would have been.
    """

    def __init__(self, trainer: Any, cfg: Any) -> None:
        self.trainer = trainer
        self.cfg = cfg
        self._save_checkpoint = trainer._save_checkpoint
        self._run_epoch = trainer._run_epoch
        trainer._save_checkpoint = self._save_with_losses
        trainer._run_epoch = self._run_epoch_unless_done

    def on_train_begin(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.cfg.resume_from_checkpoint:
            args.eval_on_start = False
            # The checkpoint's may be larger, and evaluations with packed rows go by it.
            state.train_batch_size = args.train_batch_size
            self._restore_losses(Path(self.cfg.resume_from_checkpoint))

    def _save_with_losses(self, *args: Any, **kwargs: Any) -> Any:
        trainer = self.trainer
        folder = Path(trainer.args.output_dir) / f"checkpoint-{trainer.state.global_step}"
        folder.mkdir(parents=True, exist_ok=True)
        losses = {
            "ranks": trainer.args.world_size,
            "since_last_log": trainer._tr_loss.item(),
            "before": trainer._total_loss_scalar,
            "last_log_at_step": trainer._globalstep_last_logged,
        }
        (folder / self._file_name()).write_text(json.dumps(losses))
        return self._save_checkpoint(*args, **kwargs)

    def _restore_losses(self, folder: Path) -> None:
        try:
            losses = load_json(folder / self._file_name())
        except (FileNotFoundError, RecordError):
            return  # saved by other means, or by fewer ranks
        if losses["ranks"] == self.trainer.args.world_size:
            self.trainer._tr_loss.fill_(losses["since_last_log"])
            self.trainer._total_loss_scalar = losses["before"]
            self.trainer._globalstep_last_logged = losses["last_log_at_step"]

    def _file_name(self) -> str:
        return f"losses_{self.trainer.args.process_index}.json"

    def _run_epoch_unless_done(self, *args: Any, **kwargs: Any) -> None:
        """One epoch; nothing when the checkpoint was the last: it would train a step too many."""
        if self.trainer.state.global_step < self.trainer.state.max_steps:
            self._run_epoch(*args, **kwargs)
        else:
            self.trainer.control.should_training_stop = True
