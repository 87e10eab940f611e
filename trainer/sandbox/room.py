"""Whether the machine has room for a model, asked before loading: too late, a training may die."""

import contextlib
import re
from pathlib import Path

from core.errors import SandboxError
from trainer.weights import count_saved

BYTES_PER_WEIGHT = 4
MEMORY = Path("/proc/meminfo")
SACRIFICE = Path("/proc/self/oom_score_adj")


def be_first_to_go() -> None:
    """Let the kernel end this process before any other when memory runs out."""
    with contextlib.suppress(OSError):
        SACRIFICE.write_text("1000")


def check_room(base: str) -> None:
    """Raise SandboxError when the weights of the base model do not fit into free memory."""
    folder = find_saved(base)
    weights, free = count_saved(folder) if folder else None, free_bytes()
    if weights is None or free is None or weights * BYTES_PER_WEIGHT <= free:
        return
    raise SandboxError(
        f"the model needs about {weights * BYTES_PER_WEIGHT / 1e9:.1f} GB on the CPU and "
        f"{free / 1e9:.1f} GB are free; wait until the GPU is free"
    )


def find_saved(base: str) -> Path | None:
    """The folder with the model's files, for a Hub id that of the local cache."""
    if Path(base).is_dir():
        return Path(base)
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(base, "config.json")
    return Path(config).parent if isinstance(config, str) else None


def free_bytes() -> int | None:
    """The memory that programs can still have; None where the system does not tell."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB$", MEMORY.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None
