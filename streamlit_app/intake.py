"""Uploads on their way to the disk: appended in order, by one sender at a time, and summed."""

import errno
import hashlib
import os
import threading
from typing import Any

from core.dataset.arrival.arrival import Arrival
from core.dataset.arrival.arriving import finish
from core.files import file_size
from core.paths import ArrivalPaths

WRITE_BYTES = 1024 * 1024


class Refusal(Exception):
    """A request that is not obeyed: its status, why, and what is true instead."""

    def __init__(self, status: int, reason: str, **facts: Any) -> None:
        super().__init__(reason)
        self.status = status
        self.facts = facts


class Intake:
    """One upload on its way to the disk. Whoever began to send last is heard, nobody else."""

    def __init__(self, paths: ArrivalPaths, total_bytes: int) -> None:
        self._paths = paths
        self._total_bytes = total_bytes
        self._lock = threading.Lock()
        self._turn = object()
        self._digest = hashlib.sha256()
        self._hashed_bytes = 0

    def begin(self, offset: int) -> object:
        """Take a turn to append at the offset. Raises Refusal unless so much has come."""
        with self._lock:
            come = file_size(self._paths.part)
            if offset != come:
                raise Refusal(409, "The upload goes on elsewhere.", offset=come)
            if self._hashed_bytes != come:
                # The app was restarted in between.
                self._hash_again()
            self._turn = object()
            return self._turn

    def append(self, turn: object, data: bytes) -> None:
        """Write the bytes to the disk. Raises Refusal when it is another's turn, or too much."""
        with self._lock:
            if turn is not self._turn:
                raise Refusal(409, "The upload is sent from elsewhere by now.")
            if self._hashed_bytes + len(data) > self._total_bytes:
                raise Refusal(413, "More was sent than the file has. Choose it once more.")
            self._write(data)
            self._digest.update(data)
            self._hashed_bytes += len(data)

    def finish(self, turn: object) -> bool:
        """Make the arrival ready once all has come; whether it is."""
        with self._lock:
            if turn is not self._turn or self._hashed_bytes < self._total_bytes:
                return False
            with self._paths.part.open("rb") as file:
                os.fsync(file.fileno())
            finish(self._paths, self._digest.hexdigest())
            return True

    def _write(self, data: bytes) -> None:
        with self._paths.part.open("ab", buffering=0) as file:
            try:
                if file.write(data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                # So that what is there is what was told to be there.
                file.truncate(self._hashed_bytes)
                raise

    def _hash_again(self) -> None:
        self._digest, self._hashed_bytes = hashlib.sha256(), 0
        with self._paths.part.open("rb") as file:
            while chunk := file.read(WRITE_BYTES):
                self._digest.update(chunk)
                self._hashed_bytes += len(chunk)


class Intakes:
    """The uploads on their way, by the folder of their arrival."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._intakes: dict[ArrivalPaths, Intake] = {}

    def get(self, arrival: Arrival) -> Intake:
        """The intake of the arrival, made when it is not there yet."""
        with self._lock:
            for paths in [paths for paths in self._intakes if not paths.folder.exists()]:
                del self._intakes[paths]
            new = Intake(arrival.paths, arrival.total_bytes)
            return self._intakes.setdefault(arrival.paths, new)

    def forget(self, arrival: Arrival) -> None:
        """Nothing more is to come."""
        with self._lock:
            self._intakes.pop(arrival.paths, None)
