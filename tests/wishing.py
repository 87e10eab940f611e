"""An Axolotl plugin that brings a wish at an exact step: the keeper gets a real signal.

`wishes.json` in the run's folder says what: `{"5": "SIGUSR1"}` asks the keeper in step 5 and waits
until the wish has come back, `{"after 5": ...}` does so in the evaluation after it, `{"5":
"SIGKILL"}` kills keeper and training like a power cut.
"""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from axolotl.integrations.base import BasePlugin
from transformers import TrainerCallback, TrainerControl, TrainerState

from core.run.trainer_env import RUN_FOLDER_VARIABLE
from trainer.wishes import WISHES

FILE = "wishes.json"


class Wishing(BasePlugin):
    """Wishes in the first rank. The others hear of no wish: they must learn it from the first."""

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[TrainerCallback]:
        if os.environ.get("RANK", "0") == "0":
            path = Path(os.environ[RUN_FOLDER_VARIABLE], FILE)
            return [AtStep(json.loads(path.read_text()))]
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        return []


class AtStep(TrainerCallback):
    """Sends the keeper a signal in the steps named."""

    def __init__(self, wishes: dict[str, str]) -> None:
        self.wishes = wishes

    def on_step_begin(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.wish(str(state.global_step + 1))

    def on_prediction_step(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.wish(f"after {state.global_step}")

    def wish(self, when: str) -> None:
        wish = self.wishes.pop(when, None)
        if wish is None:
            return
        os.kill(os.getppid(), signal.Signals[wish])
        if wish == "SIGKILL":
            os.killpg(0, signal.SIGKILL)
        while not (WISHES.checkpoint if wish == "SIGUSR2" else WISHES.stop):
            time.sleep(0.01)
