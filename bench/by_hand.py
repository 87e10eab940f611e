"""The same training with Axolotl's own command, as a person would start it."""

import os
import subprocess
import sys
import time
from pathlib import Path

from bench.daemon_process import environment
from bench.supervised import Bench
from bench.timing import Timing, reported_pace
from core.run.store import Store
from core.safe_yaml import dump_yaml, load_yaml_mapping


def train_by_hand(bench: Bench, number: int) -> Timing:
    """`axolotl train` with the very config of a supervised run, into a folder of its own."""
    root = bench.workspace.root
    latest = Store(bench.workspace).runs()[0]
    config = load_yaml_mapping(latest.paths.axolotl_config.read_bytes())
    config["output_dir"] = f"./by-hand-{number}"
    path = root / f"by-hand-{number}.yaml"
    path.write_text(dump_yaml(config))
    programs = Path(sys.executable).parent
    env = environment(bench.workspace) | {"PYTHONUNBUFFERED": "1"}
    # As in an activated environment: `axolotl train` looks for `accelerate` on the path.
    env["PATH"] = f"{programs}{os.pathsep}{env.get('PATH', '')}"
    begun = time.monotonic()
    with subprocess.Popen(
        [str(programs / "axolotl"), "train", str(path)],
        cwd=root,
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
    if process.returncode or first_step_s is None:
        raise RuntimeError(
            f"axolotl train left with {process.returncode}: {''.join(lines)[-2000:]}"
        )
    return Timing(first_step_s, end_s, reported_pace("".join(lines)))
