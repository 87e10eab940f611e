"""Finding out how the bytes of an upload are to be decoded.

The head alone decides, so that a file of many GB is not read twice. From then on every record is
decoded strictly: one that is written otherwise than the head becomes a bad row with its line, and
the person can name the encoding. Nothing is replaced without a word.
"""

import codecs

from core.errors import DatasetError

PROBE_BYTES = 4 * 1024 * 1024
MIN_WITH_CONTROL = 20
"""A longer text may hold a control character by accident."""
ENCODINGS = (
    *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "cp1250", "cp1251"),
    *("gb18030", "big5", "shift_jis", "euc-jp", "euc-kr"),
)
"""What a person can choose when the guess is wrong."""
MARK = "mark-broken-bytes"
"""How to decode so that `flaw_in` finds what could not be decoded."""

NO_TEXT = "this is not a text file: save it as JSON Lines, JSON, CSV or text"
SIGNATURES = {
    b"PK\x03\x04": "a ZIP or Excel file: unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file: save it as CSV or text",
    b"%PDF": "a PDF: save its text as .txt first",
    b"BZh": "compressed with bzip2: unpack it, or compress it with gzip or zstd",
    b"\xfd7zXZ": "compressed with xz: unpack it, or compress it with gzip or zstd",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it first",
    b"ARROW1": "an Arrow file: save it as Parquet",
    b"SQLite format 3": "a database: save its table as CSV",
}

_CONTROLS = frozenset(map(chr, [*range(9), *range(14, 32)]))
_UNDEFINED_IN_WINDOWS = b"\x81\x8d\x8f\x90\x9d"
_ASCII = bytes(range(128))


def require_text(head: bytes) -> None:
    """Raises DatasetError, with advice, when the file begins like one of another kind."""
    for signature, advice in SIGNATURES.items():
        if head.startswith(signature):
            raise DatasetError(f"this is {advice}")


def find_encoding(head: bytes) -> str:
    """The encoding of a text that begins so. Raises DatasetError when it is no text."""
    encoding = _guess(head)
    if not _is_readable(head, encoding):
        raise DatasetError(NO_TEXT)
    return encoding


def codec_of(encoding: str) -> str:
    """The codec for an encoding: that of UTF-8 passes over a byte order mark."""
    return "utf-8-sig" if encoding == "utf-8" else encoding


def decode_head(head: bytes, encoding: str) -> str:
    """The head as text; a letter that its end cuts through is left out."""
    return codecs.getincrementaldecoder(codec_of(encoding))(errors=MARK).decode(head)


def flaw_in(text: str) -> str:
    """Why the text is not fit to learn from: bytes that are no letters; empty when it is."""
    if "\0" in text:
        return "it holds a NUL character"
    if text.isascii():
        return ""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        byte = ord(text[error.start]) & 0xFF
        return f"the byte 0x{byte:02X} is no letter in the encoding of this file"
    return ""


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    broken = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in broken), error.end


codecs.register_error(MARK, _mark)


def _guess(head: bytes) -> str:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if wide := _guess_wide(head[:4096]):
        return wide
    if _is_utf8(head):
        return "utf-8"
    defined = head.translate(None, _UNDEFINED_IN_WINDOWS) == head
    return "cp1252" if defined else "latin-1"


def _guess_wide(head: bytes) -> str:
    """UTF-16 without a mark: there every second byte of plain letters is zero."""
    even, odd = head[0::2], head[1::2]
    # Chinese has few of those, but is no UTF-8; plain text may hold a zero by accident.
    least = 0.4 if _is_utf8(head) else 0.02
    for encoding, zeros, letters in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        is_wide = zeros.count(0) > least * len(zeros) and letters.count(0) * 10 < zeros.count(0)
        if is_wide and _is_readable(head, encoding):
            return encoding
    return ""


def _is_utf8(head: bytes) -> bool:
    """Whether more of the bytes that tell are UTF-8 than are not.

    A broken row does not make a file Latin-1: there hardly any two such bytes fit together.
    """
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        fitting = len(head.decode("utf-8", "ignore").encode())
        broken = len(head) - fitting
        return len(head.translate(None, _ASCII)) - broken > broken
    return True


def _is_readable(head: bytes, encoding: str) -> bool:
    # A file that was being written when the power failed may end in zeros.
    start = head[:4096].rstrip(b"\0")
    text = start.decode(encoding, "ignore")
    controls = sum(letter in _CONTROLS for letter in text)
    allowed = max(1, 0.02 * len(text)) if len(text) > MIN_WITH_CONTROL else 0
    return bool(text) and controls <= allowed
