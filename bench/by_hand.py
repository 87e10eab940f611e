"""The same training with Axolotl's own command, as a person would start it."""

import os
import sys
from pathlib import Path

from bench.command import timed
from bench.daemon_process import environment
from bench.supervised import Bench
from bench.timing import Timing
from core.safe_yaml import dump_yaml
from core.spec.axolotl_config import Place, complete
from daemon.nvml import Nvml

OURS = ("plugins", "dataloader_num_workers", "pad_to_sequence_len")
"""Keys that the daemon sets and a person would not."""


def train_by_hand(bench: Bench, name: str, prepared: str) -> Timing:
    """`axolotl train` with what was asked for, and what this machine needs; not with our plugin.

    `prepared` names the folder of the tokenised data, which the same name finds again.
    """
    root = bench.workspace.root
    asked = {key: value for key, value in bench.spec.items() if key != "run"}
    place = Place(f"./by-hand/{name}", f"./by-hand/prepared-{prepared}", not Nvml().find_gpus())
    config, _ = complete(asked, place)
    config = {key: value for key, value in config.items() if key in asked or key not in OURS}
    path = root / "by-hand" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(dump_yaml(config))
    programs = Path(sys.executable).parent
    env = environment(bench.workspace) | {"PYTHONUNBUFFERED": "1"}
    # As in an activated environment: `axolotl train` looks for `accelerate` on the path.
    env["PATH"] = f"{programs}{os.pathsep}{env.get('PATH', '')}"
    return timed([str(programs / "axolotl"), "train", str(path)], root, env)
