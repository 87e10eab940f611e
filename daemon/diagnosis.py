"""Why an attempt failed, told from what it left behind."""

from dataclasses import dataclass
from typing import Any

from core.run.failure import Failure, FailureKind


@dataclass(frozen=True)
class Evidence:
    """What is known of an attempt that failed: plain values, as they were found."""

    error: dict[str, Any] | None
    exit: dict[str, Any] | None
    lines: list[str]
    config: dict[str, Any]
    step: int | None
    hung: bool = False
    done: bool = False


def diagnose(evidence: Evidence) -> Failure:
    """The failure's kind, what happened in one sentence, what to try, and the decisive lines."""
    return Failure(FailureKind.OTHER, "The training ended early.", step=evidence.step)
