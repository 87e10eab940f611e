"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is: fine, worth a look, or in the way of training."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """How one thing is, and what to do about it; no advice where nothing needs doing."""

    level: Level
    what: str
    advice: str = ""


def ok(what: str) -> Finding:
    """A thing that is as it should be."""
    return Finding(Level.OK, what)


def warning(what: str, advice: str) -> Finding:
    """A thing that may hurt."""
    return Finding(Level.WARNING, what, advice)


def problem(what: str, advice: str) -> Finding:
    """A thing that is in the way."""
    return Finding(Level.PROBLEM, what, advice)
