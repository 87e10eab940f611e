"""What is wrong with a saved file, told from its headers and its ends: gigabytes are not read.

After a power cut a file may be empty, cut off, or of full size with zeros where the data never
reached the disk: safetensors sets the size first and fills it afterwards.
"""

import errno
import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from core.errors import RecordError
from core.files import load_json

WHOLE_READ_BYTES = 64 * 1024 * 1024
"""Up to this size an archive is read and compared with its check sums: a blink."""

MAX_HEADER_BYTES = 100_000_000
"""What safetensors itself allows."""

CUT = "is cut off or damaged"
_UNREADABLE = (zipfile.BadZipFile, EOFError, ValueError, OverflowError, RuntimeError, struct.error)
"""What `zipfile` raises at bytes that are no archive; NotImplementedError is a RuntimeError."""


def find_damage(path: Path) -> str:
    """How the file is damaged, as the end of a sentence such as "is empty"; else empty.

    Knows what torch saves (`.pt`, `.pth`, `.bin`), safetensors and JSON by their suffix, and
    takes everything else for sound. Never unpickles. Raises OSError when the disk fails.
    """
    check = _CHECKS.get(path.suffix)
    if check is None:
        return ""
    return check(path) if path.stat().st_size else "is empty"


def _check_json(path: Path) -> str:
    try:
        load_json(path)
    except RecordError:
        return "holds no readable JSON"
    return ""


def _check_archive(path: Path) -> str:
    """`torch.save` writes a zip; its list of contents is at the very end."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "" if _is_whole(archive, path.stat().st_size) else CUT
    except _UNREADABLE:
        return CUT
    except OSError as error:
        # A place in the file that no file can have.
        if error.errno != errno.EINVAL:
            raise
        return CUT


def _is_whole(archive: zipfile.ZipFile, size_bytes: int) -> bool:
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if size_bytes <= WHOLE_READ_BYTES:
        return bool(pickles) and archive.testzip() is None
    for name in archive.namelist():
        archive.open(name).close()
    for name in pickles:
        archive.read(name)
    return bool(pickles)


def _check_safetensors(path: Path) -> str:
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        if not 0 < header_bytes <= min(MAX_HEADER_BYTES, size_bytes - 8):
            return CUT
        try:
            end = _find_end(json.loads(file.read(header_bytes)))
        except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
            return CUT
        is_whole = 8 + header_bytes + end == size_bytes and _reached_disk(file, size_bytes)
    return "" if is_whole else CUT


def _find_end(header: dict[str, dict[str, list[int]]]) -> int:
    """Where the last tensor ends. Raises ValueError unless they lie without gap or overlap."""
    spans = sorted(
        tuple(tensor["data_offsets"]) for name, tensor in header.items() if name != "__metadata__"
    )
    end = 0
    for start, stop in spans:
        if start != end or stop < start:
            raise ValueError("the tensors do not follow one another")
        end = stop
    if end == 0:
        raise ValueError("there are no tensors")
    return end


def _reached_disk(file: IO[bytes], size_bytes: int) -> bool:
    """Whether the end of the file is more than a size: what is not there is reported as a hole."""
    try:
        os.lseek(file.fileno(), size_bytes - 1, os.SEEK_DATA)
    except OSError as error:
        return error.errno != errno.ENXIO
    return True


_CHECKS: dict[str, Callable[[Path], str]] = {
    ".json": _check_json,
    ".safetensors": _check_safetensors,
    ".pt": _check_archive,
    ".pth": _check_archive,
    ".bin": _check_archive,
}
