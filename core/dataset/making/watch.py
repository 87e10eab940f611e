"""Telling how an import goes on."""

from collections.abc import Callable

COPYING, READING, SPLITTING = "copying", "reading", "splitting"
"""The stages of an import."""

Watch = Callable[[str, int, int, int, int], None]
"""Is told stage, bytes done, bytes in all, rows and bad rows, often; what it raises ends it all."""


def unwatched(*_: object) -> None:
    """A watch that looks away."""
