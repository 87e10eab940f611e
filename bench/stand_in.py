"""A trainer that learns nothing: it stands where Axolotl would, and costs next to nothing.

`train` reports one step and a result, and ends; `stay` reports one step, and waits to be ended.
"""

import signal
import sys
import time

MARK = ".started"
"""The file in the run's folder that holds the moment of the first act, on the monotonic clock."""


def command(mode: str) -> list[str]:
    """How the stand-in is started: without the site packages, which it does not need."""
    return [sys.executable, "-S", "-P", __file__, mode]


def main(mode: str) -> None:
    """One attempt."""
    started_at = time.monotonic()
    report(mode, started_at)
    if mode == "stay":
        signal.pause()


def report(mode: str, started_at: float) -> None:
    """Tell what a training of one step tells."""
    # After the first act, as this takes longer than all before it.
    from trainer.journal import find_journal

    journal = find_journal()
    assert journal is not None, "started without a run"
    (journal.paths.folder / MARK).write_text(repr(started_at))
    journal.write("plan", step=0, total_steps=1)
    journal.metric({"step": 1, "total_steps": 1, "epoch": 1.0, "loss": 1.0})
    if mode == "train":
        journal.paths.output.mkdir()
        (journal.paths.output / "adapter_model.safetensors").write_bytes(bytes(16))
        journal.write("done", step=1)


if __name__ == "__main__":
    main(sys.argv[1])
