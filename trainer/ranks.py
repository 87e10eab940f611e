"""Several processes that train together: what they agree on, and what they need on the CPU."""

from typing import Any

import torch
import torch.distributed as dist


def agree(*flags: bool) -> list[bool]:
    """Which of the flags are set on any rank. All ranks must ask at the same point."""
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return list(flags)
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    votes = torch.tensor(flags, dtype=torch.int32, device=device)
    dist.all_reduce(votes, op=dist.ReduceOp.MAX)
    return [bool(vote) for vote in votes.tolist()]


def allow_cpu_ranks(cfg: Any) -> None:
    """Let ranks without GPUs load a model and resume: Axolotl and Hugging Face assume GPUs."""
    # Axolotl maps each rank to the GPU of its number, whether there is one or not.
    cfg.device_map = {"": "cpu"}
    # Hugging Face loads a checkpoint to `cpu:0`, which torch does not know how to do.
    torch.serialization.register_package(1, lambda storage: None, _to_numbered_cpu)


def _to_numbered_cpu(storage: Any, location: str) -> Any:
    return storage if location.startswith("cpu:") else None
