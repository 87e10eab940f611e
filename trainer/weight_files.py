"""The files of a base model's weights: whether they are whole, and reading them ahead."""

import os
from collections.abc import Sequence
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from core.errors import RecordError
from core.files import load_json
from core.run.damage import find_damage

KINDS = {
    "model.safetensors.index.json": "model*.safetensors",
    "pytorch_model.bin.index.json": "pytorch_model*.bin",
}
"""Transformers loads the files of the first kind that is there; the index names all of them."""

BUFFER_BYTES = 8 * 1024 * 1024
SHARE_OF_MEMORY = 0.5
"""Files are read ahead when they take no more of the memory that is available."""


def find_weight_files(folder: Path) -> list[Path]:
    """The files that hold the model's weights: those that an index names, whether there or not."""
    for index, pattern in KINDS.items():
        files = sorted({*folder.glob(pattern), *named_in(folder / index)})
        if files:
            return files
    return []


def named_in(index: Path) -> list[Path]:
    """The files that an index names; none where there is no index. Raises RecordError."""
    try:
        return [index.parent / str(name) for name in load_json(index)["weight_map"].values()]
    except FileNotFoundError:
        return []
    except (KeyError, AttributeError, TypeError) as error:
        raise RecordError(f"{index.name} of the base model names no weights") from error


def check_weights(files: Sequence[Path]) -> None:
    """Raise RecordError for the first file that is missing or damaged."""
    for file in files:
        damage = find_damage(file) if file.is_file() else "is missing"
        if damage:
            raise RecordError(f"{file.name} of the base model {damage}")


def read_ahead(files: Sequence[Path]) -> bool:
    """Bring the files into the page cache; whether there was memory enough."""
    needed_bytes = sum(file.stat().st_size for file in files)
    if needed_bytes > SHARE_OF_MEMORY * psutil.virtual_memory().available:
        return False
    buffer = bytearray(BUFFER_BYTES)
    for file in files:
        with file.open("rb", buffering=0) as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
            while stream.readinto(buffer):
                pass
    return True
