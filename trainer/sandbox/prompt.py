"""From messages to tokens, and how to see that the model has finished its turn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import SandboxError
from core.sandbox.question import Message

# Stands for an answer while we look at what the chat template puts behind one.
MARK = "answer8713"


@dataclass(frozen=True)
class Prompt:
    """What the model reads, and what ends its answer: tokens, or a text when it is no token."""

    tokens: list[int]
    end_tokens: list[int]
    end_text: str


def make_prompt(tokenizer: Any, model: Any, messages: Sequence[Message]) -> Prompt:
    """The messages as the model was trained to read them; SandboxError when they do not fit."""
    if tokenizer.chat_template:
        tokens = apply_template(tokenizer, messages)
        turn_end = end_of_turn(tokenizer)
    else:
        tokens = list(tokenizer(last_user_text(messages)).input_ids)
        turn_end = ""
    limit = context_length(model)
    if not tokens:
        raise SandboxError("the question is empty; write something")
    if limit and len(tokens) >= limit:
        raise SandboxError(
            f"the chat has {len(tokens):,} tokens and the model reads at most {limit:,}; "
            "shorten it or begin a new one"
        )
    ends, text = split_turn_end(tokenizer, turn_end)
    return Prompt(tokens, sorted(set(ends + eos_tokens(tokenizer, model))), text)


def apply_template(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """The tokens of the chat, up to where the model's answer begins."""
    # In training no turn has thoughts. Not every tokenizer bears a word it does not know.
    knows = "enable_thinking" in str(tokenizer.chat_template)
    thinking = {"enable_thinking": False} if knows else {}
    try:
        return list(
            tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                add_generation_prompt=True,
                **thinking,
                return_dict=True,
            )["input_ids"]
        )
    except Exception as error:
        # A template refuses by raising; its own words say what it wants.
        raise SandboxError(f"the model's chat template refuses this chat: {error}") from error


def last_user_text(messages: Sequence[Message]) -> str:
    """What the user wrote last, all that a model without a chat template reads."""
    texts = [message["content"] for message in messages if message["role"] == "user"]
    if not texts:
        raise SandboxError("this model has no chat template and continues only a user's text")
    return texts[-1]


def context_length(model: Any) -> int | None:
    """How many tokens the model reads at most; None when its config does not say."""
    length = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return length if isinstance(length, int) and length > 0 else None


def end_of_turn(tokenizer: Any) -> str:
    """What the chat template puts behind an answer; empty when that cannot be told."""
    chat = [{"role": "user", "content": "question"}, {"role": "assistant", "content": MARK}]
    try:
        text = tokenizer.apply_chat_template(chat, tokenize=False)
    except Exception:
        return ""
    return behind(text, MARK)


def behind(text: str, answer: str) -> str:
    """What stands behind the last place of the answer; empty when it does not occur."""
    _, found, tail = text.rpartition(answer)
    return tail.strip() if found else ""


def split_turn_end(tokenizer: Any, turn_end: str) -> tuple[list[int], str]:
    """The end of a turn as a token where it is a single special one, else as a text."""
    if not turn_end:
        return [], ""
    tokens = tokenizer(turn_end, add_special_tokens=False).input_ids
    if tokens and tokens[0] in tokenizer.added_tokens_decoder:
        return [tokens[0]], ""
    return [], turn_end


def eos_tokens(tokenizer: Any, model: Any) -> list[int]:
    """Every token that the tokenizer or the model itself takes for an end."""
    ends: list[int] = []
    for value in (tokenizer.eos_token_id, model.generation_config.eos_token_id):
        ends += value if isinstance(value, list) else [value]
    return [token for token in ends if isinstance(token, int)]
