"""Prepares a run that waits for its turn: `python -P -m trainer.prepare FOLDER`.

Does beforehand, and on the CPU, what the run's start would do: Axolotl checks the config, and makes
the very data that it will find then; the base model's files are checked and read once. What the
FOLDER's `axolotl.yaml` calls its output is not touched. How far it is, `prepared.json` tells.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from core.errors import TrainerUIError
from core.paths import PreparationPaths, find_workspace
from core.process import set_session_niceness
from core.run.phase import Stage
from core.run.preparation import DONE, Preparation, save_preparation
from core.spec.sources import is_local
from core.weights import find_model
from trainer.long_imports import long_imports
from trainer.run import describe, leave
from trainer.unheard import spare_unheard
from trainer.weight_files import check_weights, find_weight_files, read_ahead

LOWEST_PRIORITY = 19
Capabilities = tuple[dict[str, Any], dict[str, Any]]


class Progress:
    """Keeps the record of a preparation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._preparation = Preparation()
        self._begun_at = time.monotonic()

    def begin(self, stage: str) -> None:
        """A stage begins, and the one before it ends."""
        self._update(stage=stage)

    def tell_rows(self, rows: int | None) -> None:
        """So many rows there are to train on."""
        self._preparation = replace(self._preparation, rows=rows)

    def fail(self, error: str) -> None:
        """The stage failed, and nothing follows it."""
        self._update(error=error)

    def _update(self, **changes: Any) -> None:
        now, before = time.monotonic(), self._preparation
        seconds = dict(before.seconds)
        if before.stage:
            seconds[before.stage] = round(now - self._begun_at, 3)
        self._begun_at = now
        self._preparation = replace(before, seconds=seconds, **changes)
        save_preparation(self._path, self._preparation)


def main(folder: Path) -> None:
    """Prepare the run, and write down what was wrong. Raises what Axolotl raised."""
    yield_to_others()
    paths = PreparationPaths(folder)
    progress = Progress(paths.record)
    try:
        prepare(paths, progress)
    except BaseException as error:
        progress.fail(tell(error))
        raise


def tell(error: BaseException) -> str:
    """What went wrong, for people."""
    text = describe(error)
    return text if isinstance(error, TrainerUIError) else f"{type(error).__name__}: {text}"


def yield_to_others() -> None:
    """Take only what is left of the processor and the disk, until the run itself waits for us."""
    os.nice(LOWEST_PRIORITY)
    set_session_niceness(LOWEST_PRIORITY)


def prepare(paths: PreparationPaths, progress: Progress) -> None:
    """Do what a start does until the model is loaded."""
    progress.begin(Stage.IMPORTS)
    with long_imports():
        from axolotl.cli import config

        from trainer.pool_free import keep_in_process
    keep_in_process()

    progress.begin(Stage.CONFIG)
    with patch.object(config, "gpu_capabilities", with_unseen_gpu(config.gpu_capabilities)):
        # Axolotl makes a log in the output folder, which belongs to the run.
        cfg = config.load_cfg(str(paths.axolotl_config), output_dir=str(paths.output))
    # Nothing leaves the machine before the run's turn.
    cfg.push_dataset_to_hub = None

    progress.begin(Stage.DATASET)
    spare_unheard()
    progress.tell_rows(make_data(cfg))

    progress.begin(Stage.MODEL)
    read_model(str(cfg.base_model), find_workspace().root)
    progress.begin(DONE)


def with_unseen_gpu(ask: Callable[[], Capabilities]) -> Callable[[], Capabilities]:
    """Axolotl's question what the GPU can do, answered for one that this process does not see.

    A config for it would be refused otherwise: for its `fp8`, say.
    """

    def answer() -> Capabilities:
        capabilities, environment = ask()
        if found := find_compute_capability():
            capabilities |= {
                "bf16": found >= (8, 0),
                "tf32": found >= (8, 0),
                "fp8": found >= (9, 0),
                "compute_capability": f"sm_{found[0]}{found[1]}",
            }
        return capabilities, environment

    return answer


def find_compute_capability() -> tuple[int, int] | None:
    """That of the machine's best GPU, such as (8, 6); CUDA is not asked, but the driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return max(map(pynvml.nvmlDeviceGetCudaComputeCapability, handles), default=None)
    except pynvml.NVMLError:
        return None


def make_data(cfg: Any) -> int | None:
    """Load the data as Axolotl's own `do_train` does, which keeps it; the rows to train on."""
    from axolotl.cli.args import TrainerCliArgs
    from axolotl.common.datasets import load_datasets, load_preference_datasets
    from axolotl.integrations.base import PluginManager

    made = PluginManager.get_instance().load_datasets(cfg, preprocess=False)
    if made is None:
        load = load_preference_datasets if cfg.rl else load_datasets
        made = load(cfg=cfg, cli_args=TrainerCliArgs())
    # What is streamed has no length.
    return len(made.train_dataset) if hasattr(made.train_dataset, "__len__") else None


def read_model(base_model: str, root: Path) -> None:
    """Check the base model's files and read them once; what the Hub still has is left there.

    Raises RecordError when one is missing or damaged.
    """
    folder = find_model(base_model, root)
    files = find_weight_files(folder) if folder else []
    if not is_local(base_model, root):
        files = [file for file in files if file.is_file()]
    check_weights(files)
    read_ahead(files)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except BaseException:
        traceback.print_exc()
        leave(1)
    leave(0)
