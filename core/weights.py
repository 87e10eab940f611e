"""The weights of a model as its files tell them: names and shapes, nothing is loaded."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import constants

from core.errors import RecordError
from core.files import load_json
from core.spec.sources import is_local, resolve

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
MAX_HEADER_BYTES = 32 * 1024 * 1024
EMBEDDINGS = frozenset({"wte", "wpe"})


@dataclass(frozen=True)
class Weight:
    """A named tensor; `dtype` as safetensors spells it, such as `BF16`."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def values(self) -> int:
        """How many numbers it holds; two in a byte where it is packed."""
        return math.prod(self.shape) * (2 if self.is_packed else 1)

    @property
    def module(self) -> str:
        """The module whose `weight` it is; empty for a bias or anything else."""
        return self.name.removesuffix(".weight") if self.name.endswith(".weight") else ""

    @property
    def is_packed(self) -> bool:
        """Whether it is a matrix that bitsandbytes stored with 4 bits a number."""
        return self.dtype == "U8" and len(self.shape) == 2 and self.shape[1] == 1

    @property
    def is_embedding(self) -> bool:
        """Whether it turns tokens into vectors."""
        last = self.module.rpartition(".")[2]
        return "embed" in last or last in EMBEDDINGS


def find_model(base_model: str, root: Path) -> Path | None:
    """The folder of a model: local, or in the cache of the Hub. None when it is in neither."""
    if is_local(base_model, root):
        return resolve(base_model, root)
    cached = Path(constants.HF_HUB_CACHE) / f"models--{base_model.replace('/', '--')}"
    try:
        commit = (cached / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return cached / "snapshots" / commit


def read_weights(folder: Path) -> list[Weight]:
    """Every weight in the safetensors files of a model, as Transformers would load them.

    Raises OSError when a file is missing, RecordError when one is no safetensors file.
    """
    try:
        names = sorted(set(load_json(folder / INDEX)["weight_map"].values()))
    except FileNotFoundError:
        names = [WHOLE]
    except (KeyError, AttributeError, TypeError) as error:
        raise RecordError(f"{folder / INDEX} names no weights") from error
    # What an index of another's names must not lead out of the model's folder.
    return [weight for name in names for weight in _read_file(folder / Path(str(name)).name)]


def _read_file(path: Path) -> list[Weight]:
    # The layout: https://huggingface.co/docs/safetensors/index#format
    with path.open("rb") as file:
        size_bytes = int.from_bytes(file.read(8), "little")
        header = file.read(min(size_bytes, MAX_HEADER_BYTES))
    if len(header) < size_bytes:
        raise RecordError(f"{path} is no safetensors file: its header is cut off or too long")
    try:
        entries = json.loads(header)
        return [_parse(name, entry) for name, entry in entries.items() if name != "__metadata__"]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{path} is no safetensors file: {error}") from error


def _parse(name: str, entry: dict[str, Any]) -> Weight:
    return Weight(name, str(entry["dtype"]), tuple(int(size) for size in entry["shape"]))
