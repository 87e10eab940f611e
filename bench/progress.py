"""Telling how far the bench is."""

import sys


def tell(text: str) -> None:
    """Progress goes beside the tables, not into them."""
    print(text, file=sys.stderr, flush=True)
