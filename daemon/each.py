"""Doing something for each of many, of which one must not stop the others."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")


def for_each(items: Iterable[Item], action: Callable[[Item], None]) -> None:
    """Do it for every item, whatever happens with another; then raise the first error."""
    errors = []
    for item in items:
        try:
            action(item)
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]
