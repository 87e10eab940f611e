"""A trainer for fault injection: speaks like the real one, in milliseconds, and fails on demand.

What it does is written in the run's `spec.yaml` under `run.owner`, word by word:
`steps-N` trains N steps, `fail` raises an error, `silent` leaves with 0 and no result, `no-result`
says done but saves nothing, `deaf` ignores SIGTERM, `orphan` leaves a detached grandchild,
`hang` trains until it is ended.
"""

import re
import signal
import subprocess
import sys
import time

from core.paths import RunPaths
from core.run.phase import Stage
from trainer.journal import find_journal


def main() -> None:
    journal = find_journal()
    words = re.search(r"owner: (.*)", journal.paths.spec.read_text()).group(1).split()
    steps = next((int(word[6:]) for word in words if word.startswith("steps-")), 3)
    if "deaf" in words:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    journal.stage(Stage.IMPORTS)
    if "orphan" in words:
        leave_orphan(journal.paths)
    if "silent" in words:
        sys.exit(0)
    journal.write("plugin")
    journal.write("plan", step=0, total_steps=steps)
    journal.stage(Stage.TRAINING)
    for step in range(1, steps + 1):
        journal.metric({"step": step, "total_steps": steps, "epoch": 1.0, "loss": 1 / step})
    if "fail" in words:
        journal.write("error", kind="OutOfMemoryError", message="CUDA out of memory. Tried to")
        sys.exit(1)
    while "hang" in words:
        time.sleep(0.05)
    if "no-result" not in words:
        journal.paths.output.mkdir(exist_ok=True)
        (journal.paths.output / "adapter_model.safetensors").write_bytes(b"x")
    journal.write("done", step=steps)


def leave_orphan(paths: RunPaths) -> None:
    """A grandchild in a session of its own, whose parent is gone at once."""
    script = "import time, pathlib, sys; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
    marker = paths.folder / "orphan"
    command = [sys.executable, "-c", script, str(marker)]
    subprocess.run(["setsid", "--fork", *command], check=True, close_fds=True)
    while not marker.exists():
        time.sleep(0.01)


if __name__ == "__main__":
    main()
