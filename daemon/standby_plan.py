"""Which trainers to keep warm, and which runs they fit: decided from values alone."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from core.run.phase import Phase
from core.run.status import RunStatus
from core.run.trainer_env import (
    ATTEMPT_VARIABLE,
    COLD_VARIABLE,
    RANKS_VARIABLE,
    RUN_FOLDER_VARIABLE,
    STANDBY_VARIABLE,
)
from core.spec.safety import OWN_PLUGIN
from daemon.decide import Waiting
from daemon.start import Start

RANK_MIB = 1024
"""What a rank that waits may come to take."""

SPARE_MIB = 2048
"""What must stay available when a standby is made, so that it is in nobody's way."""

LOW_MIB = 1024
"""With less than this available, standbys give their memory back."""

MADE_WITHIN_S = 45.0
"""A standby is made in so many seconds beside a training on the CPU, or sooner."""

SHIPPED_PLUGINS = "axolotl.integrations.*"

TAKEN_ANEW = frozenset(
    {
        RUN_FOLDER_VARIABLE,
        ATTEMPT_VARIABLE,
        RANKS_VARIABLE,
        COLD_VARIABLE,
        STANDBY_VARIABLE,
        "AXOLOTL_DATASET_NUM_PROC",
        "CUDA_VISIBLE_DEVICES",
        "HF_HUB_OFFLINE",
        "PYTORCH_NVML_BASED_CUDA_CHECK",
    }
)
"""Variables that are read when a run begins, or whose effect `trainer.settling` takes back."""


def wanted_ranks(waiting: Sequence[Waiting], gpus: int, cores: int) -> list[int]:
    """How many ranks each standby should have, the most wanted first.

    What the next run needs; then what runs on one GPU, and on all of them, need.
    """
    usual = [1, gpus] if gpus else [1]
    fitting = [run for run in waiting if run.spec.gpus != 0 or not gpus]
    following = [ranks_of(run, gpus, cores) for run in fitting[:1]]
    return list(dict.fromkeys([*following, *usual]))


def may_prepare(live: Sequence[RunStatus], is_waited_for: bool) -> bool:
    """Whether making a standby is in no training's way.

    None is made while a training starts. One on the CPU needs all cores until its end: beside it
    a standby is made only for a run that waits, and shortly before that run's turn.
    """
    if any(status.phase is Phase.STARTING for status in live):
        return False
    left_s = [status.progress.eta_s for status in live if not status.gpus]
    return all(is_waited_for and s is not None and s <= MADE_WITHIN_S for s in left_s)


def ranks_of(run: Waiting, gpus: int, cores: int) -> int:
    """How many processes will train the run."""
    asked = run.spec.gpus if isinstance(run.spec.gpus, int) else len(run.spec.gpus)
    return max(1, min(asked, gpus or cores))


def has_room(ranks: int, available_mib: int) -> bool:
    """Whether there is memory for a standby of so many ranks."""
    return available_mib >= ranks * RANK_MIB + SPARE_MIB


def find_misfit(born: Mapping[str, str], start: Start, needed: Mapping[str, str]) -> str:
    """Why a standby that was born with one environment is none for a run that needs another.

    Empty when it is. Whether it has the right number of ranks is not looked at.
    """
    own_code = [name for name in plugins(start) if not fnmatchcase(name, SHIPPED_PLUGINS)]
    if own_code:
        return f"its plugin {own_code[0]} has to be imported first"
    if bool(start.gpu_uuids) != bool(born["CUDA_VISIBLE_DEVICES"]):
        return "it trains on the CPU of a machine with GPUs"
    if not start.gpu_uuids and needed.get("HF_HUB_OFFLINE") != "1":
        return "on the CPU, libraries ask the Hub when they are imported"
    names = born.keys() | needed.keys()
    other = sorted(name for name in names - TAKEN_ANEW if born.get(name) != needed.get(name))
    return f"it needs another environment ({', '.join(other)})" if other else ""


def plugins(start: Start) -> list[str]:
    """The plugins of the run besides our own."""
    named = start.config.get("plugins")
    return [str(name) for name in named if name != OWN_PLUGIN] if isinstance(named, list) else []
