"""Reading and writing files so that a reader never meets half a record."""

import contextlib
import errno
import itertools
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import RecordError

Stamp = tuple[int, int, int]

_ASIDE = itertools.count()
MAX_READ_BYTES = 8 * 1024 * 1024


def write_whole(path: Path, text: str, mode: int = 0o644, durable: bool = True) -> None:
    """Replace the file in one step: a reader sees the old text or the new.

    `durable` makes it survive a power cut; a heartbeat can do without.
    """
    write_bytes(path, text.encode(), mode, durable)


def write_bytes(path: Path, content: bytes, mode: int = 0o644, durable: bool = True) -> None:
    """Replace the file in one step, as `write_whole` does."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{next(_ASIDE)}.tmp")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make a folder and all files in it durable, as they are now."""
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(path)
        else:
            _sync_file(path)
    sync_folder(folder)
    sync_folder(folder.parent)


def _sync_file(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return  # gone meanwhile
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def save_json(path: Path, record: dict[str, Any], mode: int = 0o644, durable: bool = True) -> None:
    """Replace a JSON record; refuses NaN, which browsers cannot read back."""
    write_whole(path, json.dumps(record, indent=1, allow_nan=False) + "\n", mode, durable)


def ring(path: Path) -> None:
    """Let whoever watches the folder hear that the file was closed after writing. Never raises."""
    # A changed time alone is no news to them. Whatever lies there, nothing waits for it.
    flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        os.close(os.open(path, flags, 0o660))


def load_json(path: Path) -> dict[str, Any]:
    """The JSON record in the file.

    Raises FileNotFoundError, or RecordError when the file holds no JSON object.
    """
    try:
        text = path.read_text(encoding="utf-8")
        record = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path} holds no readable JSON: {error}") from error
    if not isinstance(record, dict):
        raise RecordError(f"{path} holds a {type(record).__name__}, not a JSON object")
    return record


def _refuse_constant(name: str) -> None:
    """NaN and its like are no JSON: what was read could not be written again."""
    raise ValueError(f"it holds {name}")


def append_json_line(path: Path, record: dict[str, Any]) -> None:
    """Append one record as one line."""
    append_lines(path, [json.dumps(record, allow_nan=False)])


def append_lines(path: Path, lines: list[str], header: str = "") -> None:
    """Append whole lines in a single write, under the header when the file is new.

    A line that an earlier write left torn is ended first, so that it spoils only itself. Raises
    OSError when the disk takes less than all of it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        data = (_lead(descriptor, header) + "\n".join(lines) + "\n").encode()
        if os.write(descriptor, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(descriptor)


def _lead(descriptor: int, header: str) -> str:
    """What must come before new lines: the header, the end of a torn line, or nothing."""
    size_bytes = os.fstat(descriptor).st_size
    if size_bytes == 0:
        return f"{header}\n" if header else ""
    return "" if os.pread(descriptor, 1, size_bytes - 1) == b"\n" else "\n"


def read_complete_lines(path: Path, offset: int = 0) -> tuple[list[str], int]:
    """The lines from byte `offset` on that end in a newline, and the offset to go on from.

    A line still being written is left for the next call, and so is what exceeds 8 MiB. A missing
    file has no lines.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(MAX_READ_BYTES)
    except FileNotFoundError:
        return [], offset
    end = data.rfind(b"\n") + 1
    return data[:end].decode("utf-8", errors="replace").splitlines(), offset + end


def parse_json_lines(lines: Iterable[str | bytes]) -> list[dict[str, Any]]:
    """The JSON objects among the lines; a torn or foreign line is left out."""
    records = []
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def file_size(path: Path) -> int:
    """The size in bytes; 0 when there is no file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def stamp(path: Path) -> Stamp:
    """When the file last changed, its size and its inode: equal stamps, equal content.

    Zeros when there is no file.
    """
    try:
        info = path.stat()
    except FileNotFoundError:
        return 0, 0, 0
    return info.st_mtime_ns, info.st_size, info.st_ino


def read_block(path: Path, offset: int, size_bytes: int) -> bytes:
    """The bytes of a file from `offset` on; none when it is missing."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size_bytes)
    except OSError:
        return b""


def read_tail(path: Path, size_bytes: int = 64 * 1024) -> str:
    """The last `size_bytes` of a text file, from the first whole line on; empty when missing."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - size_bytes))
            data = file.read(size_bytes)
    except FileNotFoundError:
        return ""
    if end > size_bytes:
        data = data[data.find(b"\n") + 1 :]
    return data.decode("utf-8", errors="replace")


def read_untrusted(path: Path, max_bytes: int) -> bytes:
    """The content of a file that anyone may have put there.

    Raises RecordError for a link, a folder, a pipe, a second name of another file, or a file
    that is too large; never blocks, and reads what it checked.
    """
    with open_untrusted(path, max_bytes) as file:
        return os.read(file.fileno(), max_bytes)


def open_untrusted(path: Path, max_bytes: int) -> BinaryIO:
    """The file, open for reading, after the checks of `read_untrusted`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise RecordError(f"{path.name} cannot be opened: {error.strerror}") from error
    try:
        _require_plain(path.name, os.fstat(descriptor), max_bytes)
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _require_plain(name: str, info: os.stat_result, max_bytes: int) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise RecordError(f"{name} is not a plain file")
    if info.st_nlink != 1:
        raise RecordError(f"{name} is a second name of another file; copy it instead")
    if info.st_size > max_bytes:
        raise RecordError(f"{name} has {info.st_size:,} bytes; at most {max_bytes:,} are read")
