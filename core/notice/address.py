"""The addresses that notices go to: Apprise URLs, which hold passwords and are shown masked."""

import hashlib
import re
from urllib.parse import unquote, urlsplit

from core.secret import mask

MAX_LENGTH = 2000
HIDDEN = "…"
SHORTEST_SECRET = 3

HOST_SCHEMES = frozenset(
    {
        *("json", "jsons", "xml", "xmls", "form", "forms", "http", "https", "mailto", "mailtos"),
        *("ntfy", "ntfys", "gotify", "gotifys", "matrix", "matrixs", "mmost", "mmosts"),
        *("rocket", "rockets", "nctalk", "nctalks", "ncloud", "nclouds", "syncs", "hassio"),
        *("hassios", "mqtt", "mqtts", "apprise", "apprises", "rsyslog", "kodi", "kodis"),
    }
)
"""Schemes in which a host comes first; in the others it may be a token."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}://\S+")
_HOST = re.compile(r"localhost|[0-9.]{7,15}|\[[0-9a-f:.]{2,45}\]|([a-z0-9-]{1,63}\.)+[a-z]{2,24}")
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_PIECES = re.compile(r"[/:@?&=,#]+")
_ANYWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}://[^\s'\"`]+")


def problem_with(address: str) -> str:
    """Why the text can be no address; empty when only trying will tell."""
    if not address:
        return "An address is missing."
    if len(address) > MAX_LENGTH:
        return f"An address has at most {MAX_LENGTH:,} characters."
    if not address.isprintable() or not _ADDRESS.fullmatch(address):
        return (
            "An address is a scheme, `://` and more, without spaces, such as `ntfy://my-topic` or "
            "`mailto://user:password@example.com`."
        )
    return ""


def key_of(address: str) -> str:
    """What requests call the address by, so that none of them holds it: eight letters."""
    digest = hashlib.sha256(address.encode("utf-8", "replace")).hexdigest()[:8]
    # Letters alone, so that no reader of YAML takes it for a number.
    return digest.translate(_LETTERS)


def masked(address: str) -> str:
    """The address as it may be shown: its scheme, and its host where that is surely one."""
    scheme, separator, rest = address.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        return HIDDEN
    host = re.split(r"[/?#]", rest)[0].rpartition("@")[2]
    is_host = scheme.lower() in HOST_SCHEMES and _HOST.fullmatch(re.sub(r":[0-9]{1,5}$", "", host))
    return f"{scheme.lower()}://{host if is_host else HIDDEN}"


def hide_addresses(text: str) -> str:
    """The text with every address in it masked."""
    return _ANYWHERE.sub(lambda match: masked(match[0]), text)


def scrub(text: str, address: str) -> str:
    """The text without anything of the address that is not shown of it."""
    shown = set(_PIECES.split(masked(address)))
    text = text.replace(address, masked(address))
    pieces = {*_PIECES.split(address), *_PIECES.split(unquote(address)), *_parts(address)}
    for piece in sorted(pieces - shown, key=len, reverse=True):
        if len(piece) >= SHORTEST_SECRET:
            text = text.replace(piece, HIDDEN)
    return mask(text)


def _parts(address: str) -> set[str]:
    """User, password and path as a library may tell them."""
    try:
        parts = urlsplit(address)
        found = (parts.username, parts.password, parts.path.strip("/"), parts.query)
    except ValueError:
        return set()
    return {text for part in found if part for text in (part, unquote(part))}
