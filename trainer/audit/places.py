"""Where the tokens of a text stand in it.

A tokenizer takes twice as long when it is to tell that of each token, and Axolotl looks at a few
only. Of byte-level tokenizers it is known without asking: their tokens, written one after the
other, are the text.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, Self

TRIED = " Wörter,  spaces\n\n\tand 12345 日本語 🙂 don't <|im_start|> end.\n"
"""With this a tokenizer shows whether it tells places as its tokens' bytes do."""


class Placed(NamedTuple):
    """The tokens of a text, and the characters at which each begins and ends (exclusive)."""

    ids: list[int]
    begins: Sequence[int]
    ends: Sequence[int]


class Placer:
    """Tokenises texts and tells where the tokens stand, as the tokenizer itself would."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._bytes = TokenBytes.find(tokenizer)

    def place(self, texts: list[str]) -> Iterator[Placed]:
        """The tokens of each text."""
        if not texts:
            return
        backend = prepare_backend(self._tokenizer)
        if self._bytes is None:
            yield from map(placed_as_told, backend.encode_batch(texts, add_special_tokens=False))
            return
        encoded = backend.encode_batch_fast(texts, add_special_tokens=False)
        for text, tokens in zip(texts, encoded, strict=True):
            placed = self._bytes.place(text, tokens.ids)
            yield placed or placed_as_told(backend.encode(text, add_special_tokens=False))


def prepare_backend(tokenizer: Any) -> Any:
    """The tokenizer without the lists that transformers makes of all that could be asked of it."""
    # Puts aside whatever an earlier call wanted cut off or filled up.
    tokenizer("a", add_special_tokens=False)
    return tokenizer.backend_tokenizer


def placed_as_told(encoded: Any) -> Placed:
    """What the tokenizer itself told."""
    offsets = encoded.offsets
    return Placed(encoded.ids, [begin for begin, _ in offsets], [end for _, end in offsets])


class TokenBytes:
    """The bytes that each token of a byte-level tokenizer stands for."""

    def __init__(self, spelled: dict[int, bytes]) -> None:
        ids = range(max(spelled, default=-1) + 1)
        self._spelled = [spelled.get(id) for id in ids]
        self._lengths = [len(spelled.get(id, b"")) for id in ids]

    @classmethod
    def find(cls, tokenizer: Any) -> Self | None:
        """The bytes of all tokens; None where they would not tell the places."""
        from transformers.convert_slow_tokenizer import bytes_to_unicode

        backend = prepare_backend(tokenizer)
        if type(backend.decoder).__name__ != "ByteLevel":
            return None
        to_byte = {letter: byte for byte, letter in bytes_to_unicode().items()}
        added = {id: token.content for id, token in backend.get_added_tokens_decoder().items()}
        spelled = {id: content.encode() for id, content in added.items()}
        for token, id in backend.get_vocab(with_added_tokens=False).items():
            if id not in spelled and to_byte.keys() >= set(token):
                spelled[id] = bytes(map(to_byte.__getitem__, token))
        found = cls(spelled)
        return found if found._tells_as(backend) else None

    def _tells_as(self, backend: Any) -> bool:
        tokens = backend.encode(TRIED, add_special_tokens=False)
        told, placed = placed_as_told(tokens), self.place(TRIED, tokens.ids)
        return placed is not None and told == Placed(
            placed.ids, list(placed.begins), list(placed.ends)
        )

    def place(self, text: str, ids: list[int]) -> Placed | None:
        """Where the tokens stand; None if they are not the text, letter by letter."""
        try:
            whole = b"".join(map(self._spelled.__getitem__, ids))  # type: ignore[arg-type]
        except (IndexError, TypeError):
            return None
        if whole != text.encode():
            return None
        ends = list(accumulate(map(self._lengths.__getitem__, ids)))
        begins = [0, *ends[:-1]] if ends else []
        if len(whole) == len(text):
            return Placed(ids, begins, ends)
        return Placed(ids, CharacterBegins(whole, begins), CharacterEnds(whole, ends))


class CharacterBegins(Sequence[int]):
    """Places in bytes, told in characters: where a token begins within one, the character's."""

    def __init__(self, whole: bytes, at_bytes: list[int]) -> None:
        self._whole = whole
        self._at_bytes = at_bytes

    def __len__(self) -> int:
        return len(self._at_bytes)

    def __getitem__(self, at: Any) -> Any:
        return self._count_characters(self._at_bytes[at])

    def _count_characters(self, byte: int) -> int:
        return len(self._whole[:byte].decode(errors="ignore"))


class CharacterEnds(CharacterBegins):
    """Where a token ends within a character, that one is counted to it."""

    def __getitem__(self, at: Any) -> Any:
        return self._count_characters(self._at_bytes[at] - 1) + 1
