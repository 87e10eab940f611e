"""What a trainer is told: the run, its place, and its environment."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.paths import RunPaths, Workspace
from core.run.trainer_env import (
    ATTEMPT_VARIABLE,
    COLD_VARIABLE,
    RANKS_VARIABLE,
    RUN_FOLDER_VARIABLE,
    STANDBY_VARIABLE,
)
from core.spec.sources import data_sources, is_local, local_data_files, names_hub

SMALL_DATA_BYTES = 1024 * 1024
"""About as much as one process tokenises while others start: three thousand short chats."""


@dataclass(frozen=True)
class Start:
    """All that a trainer needs to be told; `cold_because` is why it is a new process, if it is."""

    paths: RunPaths
    root: Path
    attempt: int
    config: Mapping[str, object]
    gpu_uuids: tuple[str, ...]
    ranks: int = 1
    cold_because: str = ""


def trainer_environment(start: Start, base: Mapping[str, str]) -> dict[str, str]:
    """The environment of a trainer: the daemon's own, and what Axolotl needs to be told."""
    environment = {
        **library_environment(Workspace(start.root), bool(start.gpu_uuids), base),
        RUN_FOLDER_VARIABLE: str(start.paths.folder),
        ATTEMPT_VARIABLE: str(start.attempt),
        RANKS_VARIABLE: str(start.ranks),
        COLD_VARIABLE: start.cold_because,
        "CUDA_VISIBLE_DEVICES": ",".join(start.gpu_uuids),
    }
    if data_bytes(start) < SMALL_DATA_BYTES:
        # Worker processes take longer to start than small data takes to tokenise.
        environment.setdefault("AXOLOTL_DATASET_NUM_PROC", "1")
    if not names_hub(dict(start.config), start.root):
        # Imports and look-ups would otherwise wait for the network.
        environment["HF_HUB_OFFLINE"] = "1"
    return environment


def standby_environment(
    workspace: Workspace, name: str, gpu_uuids: Sequence[str], base: Mapping[str, str]
) -> dict[str, str]:
    """The environment in which a standby gets ready: offline, and with the GPUs asleep.

    The GPUs are as many as a run has for which it is meant, whichever it gets then.
    """
    return {
        **library_environment(workspace, bool(gpu_uuids), base),
        STANDBY_VARIABLE: name,
        "CUDA_VISIBLE_DEVICES": ",".join(gpu_uuids),
        "HF_HUB_OFFLINE": "1",
        # Torch then looks for GPUs without waking them.
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    }


def library_environment(
    workspace: Workspace, on_gpu: bool, base: Mapping[str, str]
) -> dict[str, str]:
    """What libraries are told when they are imported, the same for every trainer of a kind."""
    environment = {
        **base,
        **workspace.environment(),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        # Without it the process tries to reach a telemetry server and hangs at its end.
        "AXOLOTL_DO_NOT_TRACK": "1",
        # Our log is the log; Axolotl would write a second copy into the output folder.
        "AXOLOTL_TEE_STDOUT": "0",
        "TQDM_DISABLE": "1",
        "OMP_WAIT_POLICY": base.get("OMP_WAIT_POLICY", "passive"),
        "NUMBA_CACHE_DIR": str(workspace.compiled),
    }
    if on_gpu:
        # As `axolotl train` sets them.
        environment.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
        environment.setdefault("XFORMERS_IGNORE_FLASH_VERSION_CHECK", "1")
    return environment


def data_bytes(start: Start) -> float:
    """The size of the run's local data; infinite when some of it comes from the Hub."""
    config = dict(start.config)
    if any(not is_local(source, start.root) for _, source in data_sources(config)):
        return math.inf
    return sum(file.stat().st_size for file in local_data_files(config, start.root))
