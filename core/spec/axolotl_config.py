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


@dataclass(frozen=True)
class Place:
    """What the run's folder and this machine decide. Paths are as Axolotl reads them."""

    output_dir: str
    prepared_dir: str
    on_cpu: bool


def complete(asked: dict[str, Any], place: Place) -> tuple[dict[str, Any], list[Change]]:
    """The config to start Axolotl with, and every change made to what was asked for."""
    settings = [*_always(asked, place), *(_for_cpu(asked) if place.on_cpu else [])]
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


def _for_cpu(asked: dict[str, Any]) -> list[tuple[str, Any, str]]:
    why = "no GPU is used"
    settings: list[tuple[str, Any, str]] = [
        (key, False, why) for key in ("bf16", "fp16", "tf32", *LORA_KERNEL_KEYS)
    ]
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
