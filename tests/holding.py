"""An Axolotl plugin that stops where prepared data is half written, as a slow disk would.

In a process with TEST_HOLD in its environment, which names a folder: `held` appears there when it
stops, and it goes on when `go` does.
"""

import os
import time
from pathlib import Path
from typing import Any

from axolotl.integrations.base import BasePlugin
from datasets import Dataset

VARIABLE = "TEST_HOLD"


class Holding(BasePlugin):
    """Holds before the last file is written, which says that the data is whole."""

    def load_datasets(self, cfg: Any, preprocess: bool = False) -> None:
        if VARIABLE in os.environ:
            Dataset.save_to_disk = save_slowly(Dataset.save_to_disk, Path(os.environ[VARIABLE]))


def save_slowly(save: Any, folder: Path) -> Any:
    """`save`, stopping before its end."""

    def call(dataset: Dataset, path: str, **options: Any) -> None:
        save(dataset, path, **options)
        state = Path(path, "state.json").rename(folder / "state.json")
        (folder / "held").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
        state.rename(Path(path, "state.json"))

    return call
