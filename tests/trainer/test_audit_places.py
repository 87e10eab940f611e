"""Where tokens stand in a text: the same whether the tokenizer tells it or its tokens' bytes."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from trainer.audit.places import Placer, TokenBytes, placed_as_told

LEARNED_FROM = ["the cat sat on the mat 123", "die Wörter müssen größer werden", "日本語 🙂"] * 20


def make_tokenizer(pre_tokenizer: Any, decoder: Any) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoder
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(LEARNED_FROM, trainer)
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    return tokenizer


def byte_level() -> Tokenizer:
    return make_tokenizer(pre_tokenizers.ByteLevel(False), decoders.ByteLevel())


class Fast:
    """As much of a tokenizer of transformers as places need."""

    def __init__(self, backend: Tokenizer) -> None:
        self.backend_tokenizer = backend

    def __call__(self, text: str, **options: Any) -> Any:
        return SimpleNamespace()


BYTE_LEVEL = byte_level()
KNOWN = Placer(Fast(BYTE_LEVEL))


def place(placer: Placer, text: str) -> tuple[list[int], list[int], list[int]]:
    (placed,) = placer.place([text])
    return placed.ids, list(placed.begins), list(placed.ends)


def told(backend: Tokenizer, text: str) -> tuple[list[int], list[int], list[int]]:
    return tuple(placed_as_told(backend.encode(text, add_special_tokens=False)))  # type: ignore


pieces = st.sampled_from(["<|im_start|>", "<|im_end|>\n", "the cat", " ", "größer", "🙂", "語"])


@given(st.lists(pieces | st.text(max_size=5)).map("".join))
def test_bytes_of_tokens_tell_the_places_that_the_tokenizer_tells(text: str) -> None:
    assert place(KNOWN, text) == told(BYTE_LEVEL, text)


def trimmed() -> Tokenizer:
    tokenizer = byte_level()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer


def with_blanks_in_a_mark() -> Tokenizer:
    tokenizer = byte_level()
    tokenizer.add_special_tokens([AddedToken("<mark>", lstrip=True, rstrip=True)])
    return tokenizer


def with_blank_in_front() -> Tokenizer:
    return make_tokenizer(pre_tokenizers.ByteLevel(True), decoders.ByteLevel())


def of_words() -> Tokenizer:
    return make_tokenizer(pre_tokenizers.Metaspace(), decoders.Metaspace())


@pytest.mark.parametrize("make", [trimmed, with_blanks_in_a_mark, with_blank_in_front, of_words])
def test_other_tokenizers_are_asked_where_their_tokens_stand(make: Any) -> None:
    backend = make()
    placer = Placer(Fast(backend))
    for text in ("the cat <mark> sat", " on  the\n mat ", "a<|im_end|>\n größer 🙂", "<mark>"):
        assert place(placer, text) == told(backend, text)


def test_a_tokenizer_that_trims_places_is_not_taken_for_one_whose_bytes_tell_them() -> None:
    assert TokenBytes.find(Fast(byte_level())) is not None
    assert TokenBytes.find(Fast(trimmed())) is None
    assert TokenBytes.find(Fast(of_words())) is None


def test_no_texts_have_no_places() -> None:
    assert list(KNOWN.place([])) == []
    assert place(KNOWN, "") == ([], [], [])
