"""What a token looks like, so that none is kept in a spec or shown in a log."""

import re

_TOKEN = r"(hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,})\b"
SECRET = re.compile(rf"\b{_TOKEN}")
"""Tokens of the Hugging Face Hub and of model providers."""


def mask(text: str) -> str:
    """The text with only the beginning of each token."""
    return SECRET.sub(lambda match: f"{match[0][:3]}…", text)


_SECRET_BYTES = re.compile(rb"(\x1b\[[0-9;]*[A-Za-z]|\b)" + _TOKEN.encode())
"""The letter that ends a change of colour is no part of the word after it."""


def mask_bytes(data: bytes) -> bytes:
    """The data with stars in each token's place after its beginning; no byte changes its place."""
    if b"hf_" not in data and b"sk-" not in data:
        return data
    return _SECRET_BYTES.sub(lambda found: found[1] + _stars(found[2]), data)


def _stars(token: bytes) -> bytes:
    return token[:3].ljust(len(token), b"*")
