"""What to try after a failure of each kind, with the values that the run was started with."""

import re
from collections.abc import Callable
from typing import Any

from core.numbers import is_number, is_whole
from core.run.failure import FailureKind
from core.run.phase import Stage
from daemon.causes import Cause

OTHER_PROCESS = re.compile(
    r"Process (\d+) has ([\d.]+ \w+) memory in use\.(?=.*this process has)", re.S
)
"""Torch names the others on the GPU before the training itself."""


MAX_GRAD_NORM = 1.0
"""What Axolotl takes when the spec does not say."""


def advise(kind: FailureKind, config: dict[str, Any], cause: Cause | None = None) -> str:
    """One or two sentences; empty where nothing can be advised."""
    if kind is FailureKind.GPU_MEMORY:
        return _gpu_memory(config, cause or Cause("", ""))
    special = _SPECIAL.get(kind)
    return special(config) if special else _ADVICE.get(kind, "")


def _gpu_memory(config: dict[str, Any], cause: Cause) -> str:
    found = OTHER_PROCESS.findall(cause.message)
    others = ", ".join(f"process {pid} holds {size}" for pid, size in found)
    before = f"Others use this GPU as well ({others}): end them first. " if others else ""
    in_evaluation = ["`eval_batch_size: 1`"] if cause.stage == Stage.EVALUATING else []
    tips = [*in_evaluation, *_smaller_batch(config), *_smaller_model(config)]
    return f"{before}Try {_join(tips)}."


def _smaller_batch(config: dict[str, Any]) -> list[str]:
    tips = []
    batch, steps = config.get("micro_batch_size"), config.get("gradient_accumulation_steps", 1)
    if is_whole(batch) and batch > 1 and is_whole(steps):
        tips.append(
            f"`micro_batch_size: {batch // 2}` instead of {batch} with "
            f"`gradient_accumulation_steps: {steps * batch // (batch // 2)}` instead of {steps}"
        )
    length = config.get("sequence_len")
    if is_whole(length):
        tips.append(f"a `sequence_len` below {length:,}")
    if not config.get("gradient_checkpointing"):
        tips.append("`gradient_checkpointing: true`")
    return tips


def _smaller_model(config: dict[str, Any]) -> list[str]:
    if not config.get("adapter"):
        return ["`adapter: lora` instead of training every weight"]
    if not config.get("load_in_4bit"):
        return ["`adapter: qlora` with `load_in_4bit: true`"]
    return ["a smaller base model"]


def _host_memory(config: dict[str, Any]) -> str:
    tips = ["ending other programs"]
    workers = config.get("dataloader_num_workers")
    tips.append(
        f"fewer `dataloader_num_workers` than {workers}"
        if is_whole(workers) and workers > 1
        else "`dataloader_num_workers: 0`"
    )
    tips += ["`dataset_num_proc: 1`", "more swap space"]
    return f"Try {_join(tips)}."


def _disk_full(config: dict[str, Any]) -> str:
    limit = config.get("save_total_limit")
    kept = f" than {limit}" if is_whole(limit) else ""
    return (
        "Free some space: delete runs and checkpoints that are no longer needed, or keep fewer of "
        f"this run's (a smaller `save_total_limit`{kept}, but not below 2)."
    )


def _not_finite(config: dict[str, Any]) -> str:
    rate = config.get("learning_rate")
    tips = [
        f"a lower `learning_rate` than {rate}" if is_number(rate) else "a lower `learning_rate`"
    ]
    tips.append(f"a lower `max_grad_norm` than {config.get('max_grad_norm') or MAX_GRAD_NORM}")
    if not (config.get("warmup_steps") or config.get("warmup_ratio")):
        tips.append("some `warmup_steps`")
    if config.get("fp16"):
        tips.append("`bf16: true` instead of `fp16`")
    return f"Try {_join(tips)}, and look at the rows around the step at which it began."


def _join(tips: list[str]) -> str:
    return tips[0] if len(tips) == 1 else f"{', '.join(tips[:-1])}, or {tips[-1]}"


_SPECIAL: dict[FailureKind, Callable[[dict[str, Any]], str]] = {
    FailureKind.HOST_MEMORY: _host_memory,
    FailureKind.DISK_FULL: _disk_full,
    FailureKind.NAN_LOSS: _not_finite,
}

_ADVICE = {
    FailureKind.BAD_DATA: (
        "Check the dataset's `path` and `type`, and that every row has the columns that the type "
        "needs. An upload on the page of datasets is checked row by row."
    ),
    FailureKind.MODEL_NOT_FOUND: (
        "Check the name or the path. If it is on the Hub, see that the daemon may use the network "
        "(`hub` in configs/settings.yaml), or download it once by hand."
    ),
    FailureKind.MODEL_GATED: (
        "Accept its licence on huggingface.co, and put a token that may read it (HF_TOKEN) into "
        "the daemon's environment."
    ),
    FailureKind.CONFIG: "Correct the spec and submit it again.",
    FailureKind.NETWORK: "Check the connection and try again.",
    FailureKind.KILLED: (
        "If it was not you, look for a program that ends others (a memory guard, a session's end)."
    ),
    FailureKind.CRASHED: (
        "If it happens again, look into the kernel's log (`dmesg`) for faults of the GPU, check "
        "temperature and power, and update the driver."
    ),
    FailureKind.HUNG: (
        "Look at the end of the log for what it did last. If a step may well take so long, raise "
        "`hang_after_s` in configs/settings.yaml."
    ),
    FailureKind.VANISHED: (
        "If nobody switched the machine off, look into its own log (`journalctl -b -1 -e`)."
    ),
    FailureKind.OTHER: "Look into the log for what led to it.",
    FailureKind.NO_RESULT: "Look at the end of the log for what was done instead of saving.",
}
