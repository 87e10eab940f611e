"""Tokens as people read them, and what the tokenizer is."""

from collections.abc import Sequence
from typing import Any

from core.audit.result import MAX_SAMPLE_TOKENS, Token
from trainer.audit.tally import MASKED
from trainer.sandbox.prompt import end_of_turn, split_turn_end

UNFINISHED = "\N{REPLACEMENT CHARACTER}"
MAX_TOKENS_PER_CHARACTER = 8


def read_tokens(tokenizer: Any, ids: Sequence[int], labels: Sequence[int]) -> tuple[Token, ...]:
    """The first tokens of a row. Where several make up one character, the last of them shows it."""
    marks = find_marks(tokenizer)
    anchor = find_anchor(tokenizer)
    before = decode(tokenizer, [anchor])
    tokens, held = [], list[int]()
    for at in range(min(len(ids), MAX_SAMPLE_TOKENS)):
        token = ids[at]
        if token in marks:
            held, text = [], marks[token]
        else:
            held = [*held, token]
            text = decode(tokenizer, [anchor, *held]).removeprefix(before)
            if text.endswith(UNFINISHED) and len(held) < MAX_TOKENS_PER_CHARACTER:
                text = ""
            else:
                held = []
        tokens.append(Token(text, labels[at] != MASKED, token in marks))
    return tuple(tokens)


def decode(tokenizer: Any, ids: list[int]) -> str:
    """The text of the tokens, nothing left out or tidied."""
    return str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def find_anchor(tokenizer: Any) -> int:
    """A plain token: behind it, others are read as they are in the middle of a text."""
    return int(tokenizer.encode("a", add_special_tokens=False)[-1])


def find_marks(tokenizer: Any) -> dict[int, str]:
    """The tokens that are marks and no text, each with its name."""
    # Some tokenizers add runs of blanks as well; those are text.
    added = {
        int(id): str(token)
        for id, token in tokenizer.added_tokens_decoder.items()
        if getattr(token, "special", True) or str(token).strip()
    }
    named = zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=False)
    return added | {int(id): str(token) for id, token in named if id is not None}


def find_ends(tokenizer: Any, eot_tokens: Sequence[str] | None) -> frozenset[int]:
    """Every token that ends a text or a turn: the tokenizer's, those named, the template's."""
    ends = {tokenizer.eos_token_id}
    for token in eot_tokens or ():
        ids = tokenizer.encode(token, add_special_tokens=False)
        ends |= set(ids) if len(ids) == 1 else set()
    if getattr(tokenizer, "chat_template", None):
        ends |= set(split_turn_end(tokenizer, end_of_turn(tokenizer))[0])
    return frozenset(int(end) for end in ends if isinstance(end, int))


def describe_tokenizer(tokenizer: Any) -> dict[str, Any]:
    """What people may want to know of the tokenizer and its template."""
    template = getattr(tokenizer, "chat_template", None)
    turn_end = end_of_turn(tokenizer) if template else ""
    plain = tokenizer("a")["input_ids"]
    return {
        "class": type(tokenizer).__name__,
        "size": len(tokenizer),
        "eos": tokenizer.eos_token,
        "bos": tokenizer.bos_token,
        "pad": tokenizer.pad_token,
        "adds_bos": bool(plain) and plain[0] == tokenizer.bos_token_id,
        "has_template": bool(template),
        "turn_end": turn_end,
        "turn_end_tokens": list(tokenizer.encode(turn_end, add_special_tokens=False)),
    }
