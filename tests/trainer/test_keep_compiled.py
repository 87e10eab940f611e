"""Axolotl's packing, kept as machine code, in a process of its own: numba remembers for good."""

import os
import subprocess
import sys
from pathlib import Path

from core.paths import CODE_ROOT

PACK = """
import numpy as np
from trainer.packing import keep_compiled
from axolotl.utils.samplers import multipack
keep_compiled()
check = multipack.ffd_check
print(check(np.array([1, 2]), 4, 1), sum(check.stats.cache_hits.values()))
"""


def pack(folder: Path) -> list[str]:
    """Whether two rows fit into a pack, and how often that was found compiled."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(CODE_ROOT)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", PACK], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()[-2:]


def test_it_is_compiled_once_and_again_when_a_power_cut_left_it_torn(tmp_path: Path) -> None:
    assert pack(tmp_path) == ["True", "0"]
    assert pack(tmp_path) == ["True", "1"]
    for index in tmp_path.rglob("*.nbi"):
        index.write_bytes(b"")
    assert pack(tmp_path) == ["True", "0"]
    assert pack(tmp_path) == ["True", "1"]
