"""What is inside a compressed file, as one stream of bytes in constant memory."""

import gzip
import io
import os
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

NAMES = {"gz": "gzip", "zst": "zstd"}
CHUNK_BYTES = 1024 * 1024
MAX_RATIO = 300
"""Text shrinks to a tenth, repetitive text to a hundredth; what shrinks more is no text."""
UNCHECKED_BYTES = 256 * 1024 * 1024
"""So much may come out of any file, however small."""


def compression_of(head: bytes) -> str:
    """How a file that begins so is compressed; empty when it is not."""
    if head.startswith(b"\x1f\x8b"):
        return "gz"
    is_zst = head.startswith(b"\x28\xb5\x2f\xfd") or _is_skippable(head)
    return "zst" if is_zst else ""


class Unpacked(io.RawIOBase):
    """The bytes inside a compressed file.

    They end where nothing more can be unpacked; `failure` then says why, so that all before it
    can be used.
    """

    def __init__(self, file: BinaryIO, compression: str) -> None:
        self._file = file
        self._compression = compression
        self._start()

    def _start(self) -> None:
        self._file.seek(0)
        self.failure = ""
        self._given = 0
        self._unpacked = 0
        self._is_ended = False
        self._chunk = memoryview(b"")
        self._source, self._errors = _open(self._file, self._compression)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Back to the start; there is no other place to go to."""
        if offset or whence != io.SEEK_SET:
            raise io.UnsupportedOperation("a compressed file is read from its start")
        self._start()
        return 0

    def tell(self) -> int:
        return self._given

    def readinto(self, target: Any, /) -> int:
        place = memoryview(target).cast("B")
        if not self._chunk:
            self._chunk = memoryview(self._unpack())
        count = min(len(place), len(self._chunk))
        place[:count] = self._chunk[:count]
        self._chunk = self._chunk[count:]
        self._given += count
        return count

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def _unpack(self) -> bytes:
        if self._is_ended:
            return b""
        try:
            # One step at a time: a longer read would lose what it had before an error.
            chunk: bytes = self._source.read1(CHUNK_BYTES)
        except EOFError:
            return self._fail("is cut off")
        except self._errors as error:
            return self._fail(f"is broken ({error})")
        self._unpacked += len(chunk)
        self._is_ended = not chunk
        if self._is_ended and self._compression == "zst" and not _is_whole(self._file):
            return self._fail("is cut off")
        if self._unpacked > max(UNCHECKED_BYTES, MAX_RATIO * self._file.tell()):
            return self._fail(
                f"grows to more than {MAX_RATIO} times its size, as no text does. If it is really "
                "meant, unpack it first"
            )
        return chunk

    def _fail(self, what: str) -> bytes:
        size = self._file.seek(0, io.SEEK_END) if what == "is cut off" else self._file.tell()
        self._is_ended = True
        self.failure = f"the {NAMES[self._compression]} file {what}, {size:,} bytes into it"
        return b""


def spool(source: BinaryIO, folder: Path) -> BinaryIO:
    """A file without a name that holds what the stream gives, beside the original if possible."""
    beside = folder if os.access(folder, os.W_OK) else None
    file = tempfile.TemporaryFile(dir=beside)  # noqa: SIM115
    shutil.copyfileobj(source, file, CHUNK_BYTES)
    file.seek(0)
    return file


def _open(file: BinaryIO, compression: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """What unpacks the file, and the errors by which it says that it cannot go on."""
    if compression == "gz":
        return gzip.GzipFile(fileobj=file, mode="rb"), (OSError, zlib.error)
    import zstandard

    reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    return reader, (OSError, zstandard.ZstdError)


def _is_skippable(head: bytes) -> bool:
    """A frame of zstd with notes instead of data; some programs put one first."""
    return len(head) >= 8 and 0x50 <= head[0] <= 0x5F and head[1:4] == b"\x2a\x4d\x18"


def _is_whole(file: BinaryIO) -> bool:
    """Whether the last frame of a zst file is complete: zstandard ends without a word if not."""
    import zstandard

    size, at = file.seek(0, io.SEEK_END), 0
    while at < size:
        file.seek(at)
        head = file.read(18)
        if _is_skippable(head):
            at += 8 + int.from_bytes(head[4:8], "little")
            continue
        try:
            at += zstandard.frame_header_size(head)
            checksum = 4 if zstandard.get_frame_parameters(head).has_checksum else 0
        except zstandard.ZstdError:
            return False
        at = _end_of_blocks(file, at) + checksum
    file.seek(size)
    return at == size


def _end_of_blocks(file: BinaryIO, at: int) -> int:
    """Where the last block of the frame ends; beyond the end of the file when it is cut off."""
    while True:
        file.seek(at)
        head = file.read(3)
        fields = int.from_bytes(head, "little")
        is_last, is_repeated, length = fields & 1, (fields >> 1) & 3 == 1, fields >> 3
        at += 3 + (1 if is_repeated else length)
        if is_last or len(head) < 3:
            return at
