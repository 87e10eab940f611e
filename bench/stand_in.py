"""A trainer that learns nothing: it stands where Axolotl would, and costs next to nothing.

`train` reports one step and a result, and ends; `stay` reports one step, and waits to be ended.
"""

import time

STARTED = time.monotonic()  # Before the imports: this is what the bench waits for.

import os
import signal
import sys
from pathlib import Path

from core.paths import RunPaths
from core.run.trainer_env import RUN_FOLDER_VARIABLE

MARK = ".started"
"""The file in the run's folder that holds the moment of the first act, on the monotonic clock."""


def command(mode: str) -> list[str]:
    """How the stand-in is started; without the site packages, which it does not need."""
    return [sys.executable, "-S", "-P", __file__, mode]


def main() -> None:
    """One attempt."""
    paths = RunPaths(Path(os.environ[RUN_FOLDER_VARIABLE]))
    (paths.folder / MARK).write_text(repr(STARTED))
    report(paths)
    if sys.argv[1] == "stay":
        signal.pause()


def report(paths: RunPaths) -> None:
    """What a training of one step writes."""
    from trainer.journal import find_journal

    journal = find_journal()
    assert journal is not None, "started without a run"
    journal.write("plan", step=0, total_steps=1)
    journal.metric({"step": 1, "total_steps": 1, "epoch": 1.0, "loss": 1.0})
    if sys.argv[1] == "train":
        paths.output.mkdir()
        (paths.output / "adapter_model.safetensors").write_bytes(bytes(16))
        journal.write("done", step=1)


if __name__ == "__main__":
    main()
