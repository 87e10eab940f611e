"""What kinds of failures there are, and which of them a second try may cure."""

from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """One word for why an attempt failed."""

    GPU_MEMORY = "gpu-memory"
    HOST_MEMORY = "host-memory"
    DISK_FULL = "disk-full"
    BAD_DATA = "bad-data"
    MODEL_NOT_FOUND = "model-not-found"
    MODEL_GATED = "model-gated"
    NAN_LOSS = "nan-loss"
    CONFIG = "config"
    NETWORK = "network"
    KILLED = "killed"
    CRASHED = "crashed"
    VANISHED = "vanished"
    HUNG = "hung"
    NO_RESULT = "no-result"
    NO_CHECKPOINT = "no-checkpoint"
    SAME_STEP = "same-step"
    OTHER = "other"


TRANSIENT = frozenset(
    {
        FailureKind.HOST_MEMORY,
        FailureKind.DISK_FULL,
        FailureKind.NETWORK,
        FailureKind.KILLED,
        FailureKind.CRASHED,
        FailureKind.VANISHED,
        FailureKind.HUNG,
    }
)
"""Kinds that may be gone at the next try; the others fail again for the same reason."""


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed: one plain sentence, the decisive log lines, and what to try.

    `step` is the step that was being trained; None when training had not begun.
    """

    kind: FailureKind
    sentence: str
    advice: str = ""
    lines: tuple[str, ...] = ()
    step: int | None = None
