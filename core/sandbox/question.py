"""What a person asks of a model in the sandbox, checked at the door on both sides of the wire."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import SandboxError
from core.numbers import is_number, is_whole

MAX_MESSAGES = 200
MAX_CHARACTERS = 200_000
MAX_NEW_TOKENS = 2048
DEFAULT_NEW_TOKENS = 256
MAX_SEED = 2**63 - 1
ROLES = ("system", "user", "assistant")

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}\Z")
_PART = re.compile(r"(?:base|checkpoint-[0-9]{1,12})\Z")

Message = Mapping[str, str]


@dataclass(frozen=True)
class ModelName:
    """Which weights to ask: a run's result, one of its checkpoints, or its base model."""

    run_id: str
    part: str | None = None

    def __str__(self) -> str:
        return f"{self.run_id}/{self.part}" if self.part else self.run_id


def parse_model_name(text: str) -> ModelName:
    """The name `<run id>`, `<run id>/checkpoint-<step>` or `<run id>/base`, else SandboxError."""
    run_id, slash, part = text.partition("/")
    if _NAME.match(run_id) and (not slash or _PART.match(part)):
        return ModelName(run_id, part or None)
    shown = text if len(text) <= 100 else text[:100] + "…"
    raise SandboxError(
        f"{shown!r} names no model; write <run id>, <run id>/checkpoint-<step> or <run id>/base"
    )


@dataclass(frozen=True)
class Question:
    """What a person asks of a model. Checked when it is made."""

    model: ModelName
    messages: tuple[Message, ...]
    max_new_tokens: int = DEFAULT_NEW_TOKENS
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None

    def record(self) -> dict[str, Any]:
        """The question as it goes over the wire."""
        return {
            "model": str(self.model),
            "messages": [dict(message) for message in self.messages],
            "max_new_tokens": self.max_new_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": self.seed,
        }


def parse_question(record: Mapping[str, Any]) -> Question:
    """The question in a record that anyone may have written, else SandboxError."""
    unknown = sorted(set(record) - set(Question.__dataclass_fields__))
    if unknown:
        raise SandboxError(f"the question has keys that the sandbox does not know: {unknown}")
    model = record.get("model")
    if not isinstance(model, str):
        raise SandboxError("the question names no model")
    seed = record.get("seed")
    return Question(
        model=parse_model_name(model),
        messages=_parse_messages(record.get("messages")),
        max_new_tokens=_whole(
            "max_new_tokens", record.get("max_new_tokens", DEFAULT_NEW_TOKENS), 1, MAX_NEW_TOKENS
        ),
        temperature=_number("temperature", record.get("temperature", 0.0), 0.0, 2.0),
        top_p=_number("top_p", record.get("top_p", 1.0), 0.01, 1.0),
        seed=None if seed is None else _whole("seed", seed, 0, MAX_SEED),
    )


def _parse_messages(messages: Any) -> tuple[Message, ...]:
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise SandboxError("the question has no messages; send at least one from the user")
    if len(messages) > MAX_MESSAGES:
        raise SandboxError(f"the chat has {len(messages)} messages; at most {MAX_MESSAGES} fit")
    parsed = tuple(_parse_message(message) for message in messages)
    characters = sum(len(message["content"]) for message in parsed)
    if characters > MAX_CHARACTERS:
        raise SandboxError(
            f"the chat has {characters:,} characters; at most {MAX_CHARACTERS:,} fit"
        )
    return parsed


def _parse_message(message: Any) -> Message:
    role = message.get("role") if isinstance(message, Mapping) else None
    content = message.get("content") if isinstance(message, Mapping) else None
    if role not in ROLES or not isinstance(content, str):
        raise SandboxError(f"each message needs a role ({', '.join(ROLES)}) and a content of text")
    # Half a surrogate pair, which JSON can carry, is no text to a tokenizer.
    return {"role": role, "content": content.encode("utf-8", "replace").decode()}


def _whole(name: str, value: Any, low: int, high: int) -> int:
    if not is_whole(value) or not low <= value <= high:
        raise SandboxError(f"{name} must be a whole number from {low} to {high}, not {value!r:.40}")
    return value


def _number(name: str, value: Any, low: float, high: float) -> float:
    if not is_number(value) or not low <= value <= high:
        raise SandboxError(f"{name} must be a number from {low:g} to {high:g}, not {value!r:.40}")
    return float(value)
