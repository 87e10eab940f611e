"""From what was asked to what Axolotl is started with, telling every key that was set."""

from dataclasses import dataclass
from typing import Any

from core.spec.safety import OWN_PLUGIN

LORA_KERNEL_KEYS = (
    "lora_mlp_kernel",
    "lora_qkv_kernel",
    "lora_o_kernel",
    "lora_embedding_kernel",
)
GPU_ONLY_KEYS = (
    "flash_attention",
    "flex_attention",
    "xformers_attention",
    "s2_attention",
    "sage_attention",
    "flash_optimum",
    "deepspeed",
    "fsdp",
    "fsdp_config",
    "fsdp_version",
    "torch_compile",
    "gpu_memory_limit",
    "fp8",
)
GPU_ONLY_PLUGINS = ("liger", "cut_cross_entropy", "kernels")
GPU_ONLY_ATTENTION = ("flash", "flex", "xformers", "sage")


@dataclass(frozen=True)
class Change:
    """A key set by the daemon: what was asked for (None if nothing) and what was set."""

    key: str
    asked: Any
    value: Any
    why: str

    def __str__(self) -> str:
        before = "" if self.asked is None else f" (was {self.asked})"
        return f"{self.key}: {self.value}{before}, {self.why}"


MIN_KEPT_CHECKPOINTS = 2
"""With one, a crash while it is replaced would leave none."""


@dataclass(frozen=True)
class Place:
    """What the run's folder, its past and this machine decide. Paths are as Axolotl reads them.

    `resume_from` is the checkpoint to go on from, `shrinks` how often the micro batch was halved.
    """

    output_dir: str
    prepared_dir: str
    on_cpu: bool
    resume_from: str | None = None
    shrinks: int = 0


def complete(asked: dict[str, Any], place: Place) -> tuple[dict[str, Any], list[Change]]:
    """The config to start Axolotl with, and every change made to what was asked for."""
    settings = [*_always(asked, place), *_resumable(asked, place), *_shrunk(asked, place.shrinks)]
    settings += _for_cpu(asked) if place.on_cpu else []
    config = dict(asked)
    changes = []
    for key, value, why in settings:
        if key in config and config[key] == value:
            continue
        changes.append(Change(key, asked.get(key), value, why))
        config[key] = value
    return {key: value for key, value in config.items() if value is not None}, changes


def _always(asked: dict[str, Any], place: Place) -> list[tuple[str, Any, str]]:
    plugins = [name for name in asked.get("plugins") or [] if name != OWN_PLUGIN]
    settings: list[tuple[str, Any, str]] = [
        ("plugins", [*plugins, OWN_PLUGIN], "reports progress and stops orderly"),
        ("output_dir", place.output_dir, "results stay in the run's folder"),
        ("dataset_prepared_path", place.prepared_dir, "keyed by the data's content"),
    ]
    if asked.get("seed") is None:
        settings.append(("seed", 42, "the same spec gives the same losses"))
    for key in ("save_strategy", "eval_strategy"):
        if asked.get(key) is False:
            # YAML 1.1 reads a bare `no` as false.
            settings.append((key, "no", "`no` without quotes means false in YAML"))
    return settings


def _resumable(asked: dict[str, Any], place: Place) -> list[tuple[str, Any, str]]:
    settings: list[tuple[str, Any, str]] = []
    if place.resume_from:
        settings.append(("resume_from_checkpoint", place.resume_from, "the run goes on from it"))
    if asked.get("auto_resume_from_checkpoints"):
        why = "it would take the newest checkpoint even if it is damaged"
        settings.append(("auto_resume_from_checkpoints", False, why))
    if asked.get("save_only_model"):
        settings.append(("save_only_model", False, "to go on, a run needs its optimizer's state"))
    limit = asked.get("save_total_limit")
    if limit is not None and limit < MIN_KEPT_CHECKPOINTS:
        why = "a crash while the only checkpoint is replaced would leave none"
        settings.append(("save_total_limit", MIN_KEPT_CHECKPOINTS, why))
    return settings


def _shrunk(asked: dict[str, Any], shrinks: int) -> list[tuple[str, Any, str]]:
    """Smaller micro batches and more of them, so that every step still sees as many rows."""
    micro_batch, accumulation = batch_sizes(asked)
    smaller = shrunk_micro_batch(asked, shrinks)
    if smaller == micro_batch:
        return []
    why = "the GPU's memory was too small for more rows at once"
    settings: list[tuple[str, Any, str]] = [("micro_batch_size", smaller, why)]
    if not asked.get("batch_size"):  # Axolotl takes only one of the two
        more = micro_batch * accumulation // smaller
        settings.append(("gradient_accumulation_steps", more, "as many rows per step as before"))
    if asked.get("eval_batch_size"):
        settings.append(("eval_batch_size", min(asked["eval_batch_size"], smaller), why))
    if asked.get("auto_find_batch_size"):
        why = "a checkpoint would bring the larger batch back"
        settings.append(("auto_find_batch_size", False, why))
    return settings


def shrunk_micro_batch(asked: dict[str, Any], shrinks: int) -> int:
    """The micro batch size after so many halvings, never below 1.

    Where a half does not go evenly into the rows of a step, the next smaller size that does: a
    step then still sees exactly as many rows, and a run can go on in the middle of an epoch.
    """
    micro_batch, accumulation = batch_sizes(asked)
    largest = max(1, micro_batch >> shrinks)
    return next(size for size in range(largest, 0, -1) if micro_batch * accumulation % size == 0)


def batch_sizes(asked: dict[str, Any]) -> tuple[int, int]:
    """How many rows are computed at once, and how often before the weights change."""
    micro_batch = int(asked.get("micro_batch_size") or 1)
    return micro_batch, int(asked.get("gradient_accumulation_steps") or 1)


def _for_cpu(asked: dict[str, Any]) -> list[tuple[str, Any, str]]:
    why = "no GPU is used"
    settings: list[tuple[str, Any, str]] = [
        (key, False, why) for key in ("bf16", "fp16", "tf32", *LORA_KERNEL_KEYS)
    ]
    if asked.get("dataloader_num_workers") is None:
        why_none = "a batch is made in less time than a worker process needs to hand it over"
        settings.append(("dataloader_num_workers", 0, why_none))
    if _may_pad_less(asked):
        why_less = "a CPU computes what it pads; multiples of 64 tokens suit GPUs"
        settings.append(("pad_to_sequence_len", False, why_less))
    settings += [(key, None, why) for key in GPU_ONLY_KEYS if asked.get(key)]
    attention = str(asked.get("attn_implementation") or "")
    if attention.startswith(GPU_ONLY_ATTENTION):
        settings.append(("attn_implementation", "sdpa", why))
    plugins = asked.get("plugins") or []
    kept = [name for name in plugins if not any(part in name for part in GPU_ONLY_PLUGINS)]
    if kept != plugins:
        settings.append(("plugins", [*(n for n in kept if n != OWN_PLUGIN), OWN_PLUGIN], why))
        settings += [(key, None, why) for key in asked if key.startswith(("liger_", "cut_cross"))]
    return settings


def _may_pad_less(asked: dict[str, Any]) -> bool:
    """Whether batches may end with their longest row; Axolotl wants packed rows to be full."""
    others = ("sample_packing", "eval_sample_packing", "reward_model")
    return asked.get("pad_to_sequence_len") is None and not any(asked.get(key) for key in others)
