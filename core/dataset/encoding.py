"""Finding out how the bytes of an upload are to be read, while they pass by."""

import codecs

from core.errors import DatasetError

CONTROLS = frozenset(map(chr, [*range(9), *range(14, 32)]))
UNDEFINED_IN_WINDOWS = b"\x81\x8d\x8f\x90\x9d"
"""Bytes that are no letter in Windows-1252."""
NO_TEXT = "this is not a text file: save it as JSON Lines, JSON, CSV or text"
SIGNATURES = {
    b"PK\x03\x04": "a ZIP or Excel file: unpack it, or save the sheet as CSV",
    b"\x1f\x8b": "compressed with gzip: unpack it first",
    b"PAR1": "a Parquet file: save it as JSON Lines first",
    b"%PDF": "a PDF: save its text as .txt first",
}


class TextProbe:
    """Finds out how bytes that pass by are to be decoded."""

    def __init__(self) -> None:
        self._head = b""
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._is_utf8 = True
        self._is_windows = True
        self._has_nul = False

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        if len(self._head) < 4096:
            self._head += chunk[:4096]
        self._has_nul = self._has_nul or b"\0" in chunk
        self._is_windows = self._is_windows and chunk.translate(None, UNDEFINED_IN_WINDOWS) == chunk
        self._is_utf8 = self._is_utf8 and self._goes_on_as_utf8(chunk)

    def _goes_on_as_utf8(self, chunk: bytes) -> bool:
        try:
            # Not told when the end has come: a file that stops inside a letter is still UTF-8.
            self._utf8.decode(chunk)
        except UnicodeDecodeError:
            return False
        return True

    def encoding(self) -> str:
        """The codec to read the text with. Raises DatasetError when it is no text."""
        for signature, advice in SIGNATURES.items():
            if self._head.startswith(signature):
                raise DatasetError(f"this is {advice}")
        codec = self._guess()
        head = self._head.decode(codec, errors="ignore")
        if sum(letter in CONTROLS for letter in head) > 0.02 * len(head):
            raise DatasetError(NO_TEXT)
        return codec

    def _guess(self) -> str:
        if self._head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if self._has_nul:
            return self._encoding_with_nuls()
        if self._is_utf8:
            return "utf-8-sig"
        return "cp1252" if self._is_windows else "latin-1"

    def _encoding_with_nuls(self) -> str:
        """Letters of two bytes, of which every second is zero in Western text."""
        even, odd = self._head[0::2], self._head[1::2]
        if odd.count(0) > 0.4 * len(odd) and even.count(0) < 0.1 * len(even):
            return "utf-16-le"
        if even.count(0) > 0.4 * len(even) and odd.count(0) < 0.1 * len(odd):
            return "utf-16-be"
        raise DatasetError(NO_TEXT)
