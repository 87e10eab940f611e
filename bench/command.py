"""A training as a command, timed from the outside by what it prints."""

import subprocess
import time
from pathlib import Path

from bench.timing import Timing, reported_pace


def timed(command: list[str], cwd: Path, env: dict[str, str]) -> Timing:
    """Run a training to its end, and read from its output when the first loss came."""
    begun = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        first_step_s, lines = None, []
        for line in process.stdout or ():
            lines.append(line)
            if first_step_s is None and "'loss':" in line:
                first_step_s = time.monotonic() - begun
    end_s = time.monotonic() - begun
    log = "".join(lines)
    if process.returncode or first_step_s is None:
        raise RuntimeError(f"{Path(command[0]).name} left with {process.returncode}: {log[-2000:]}")
    return Timing(first_step_s, end_s, reported_pace(log))
