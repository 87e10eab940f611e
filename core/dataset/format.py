"""What a row of an upload means, and the row that Axolotl is given for it.

Rows to learn a conversation from become `{"messages": [...]}`, rows of plain text `{"text": ...}`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.numbers import is_number

Row = dict[str, Any]

EXPECTED = (
    "`messages` (a list of role and content), `conversations` (a list of from and value), "
    "`instruction` and `output`, `question` and `answer`, `prompt` and `completion`, or `text`"
)
PAIRS = (
    ("alpaca", "instruction", ("output", "response")),
    ("question_answer", "question", ("answer", "response")),
    ("prompt_completion", "prompt", ("completion", "response")),
    ("prompt_completion", "input", ("output",)),
)
CONTEXT_COLUMNS = ("input", "context")
SYSTEM_COLUMNS = ("system", "system_prompt")
ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "ipython": "tool",
}
MAX_SHOWN = 200


class RowError(ValueError):
    """A row cannot be learned from; the text says why."""


@dataclass(frozen=True)
class BadRow:
    """A row that was left out: the line it begins at, why, and how it begins."""

    line: int
    reason: str
    content: str


@dataclass(frozen=True)
class Format:
    """A known way to write rows; `mapping` names the column that plays each part."""

    name: str
    mapping: Mapping[str, str] = field(default_factory=dict)


def recognise(columns: Iterable[str]) -> Format | None:
    """The format of a row with these columns; None when there is no known one."""
    names = {str(column).strip().lower(): column for column in columns}
    for turns in ("messages", "conversations"):
        if turns in names:
            return Format(turns, {"turns": names[turns]})
    for name, question, answers in PAIRS:
        answer = next((answer for answer in answers if answer in names), None)
        if question in names and answer:
            return Format(name, _pair_mapping(names, question, answer))
    return Format("text", {"text": names["text"]}) if "text" in names else None


def recognise_rows(rows: Iterable[Any]) -> Format | None:
    """The format that most of the rows have; None when no row has a known one."""
    found = [recognise(row) for row in rows if isinstance(row, dict)]
    known = [form for form in found if form]
    if not known:
        return None
    ((name, _),) = Counter(form.name for form in known).most_common(1)
    return next(form for form in known if form.name == name)


def convert(row: Any, form: Format, system_prompt: str = "") -> Row:
    """The row as Axolotl is given it. Raises RowError when nothing can be learned from it."""
    if not isinstance(row, dict):
        raise RowError(f"{_kind_of(row)} where a JSON object with columns is expected")
    if form.name == "text":
        return {"text": _require_text(row, form.mapping["text"])}
    if "turns" in form.mapping:
        messages = _read_turns(row, form.mapping["turns"])
    else:
        messages = _pair_to_turns(row, form.mapping)
    if system_prompt and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": system_prompt}, *messages]
    return {"messages": messages}


def show(value: Any) -> str:
    """The beginning of any value, as text that can be shown and saved."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
    # Half a surrogate pair can stand in JSON, but not in a file or a page.
    return text.encode("utf-8", "replace").decode("utf-8")


def _pair_mapping(names: Mapping[str, str], question: str, answer: str) -> dict[str, str]:
    mapping = {"question": names[question], "answer": names[answer]}
    parts = {"system": SYSTEM_COLUMNS}
    if question != "input":
        parts["context"] = CONTEXT_COLUMNS
    for part, candidates in parts.items():
        column = next((names[name] for name in candidates if name in names), None)
        if column:
            mapping[part] = column
    return mapping


def _pair_to_turns(row: Row, mapping: Mapping[str, str]) -> list[Row]:
    question = _require_text(row, mapping["question"]).strip()
    answer = _require_text(row, mapping["answer"]).strip()
    context = _optional_text(row, mapping.get("context")).strip()
    system = _optional_text(row, mapping.get("system")).strip()
    turns = [{"role": "system", "content": system}] if system else []
    asked = f"{question}\n\n{context}" if context else question
    return [*turns, {"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


def _read_turns(row: Row, column: str) -> list[Row]:
    turns = row.get(column)
    if isinstance(turns, str) and turns.lstrip().startswith("["):
        # A cell of a CSV holds the list as text.
        turns = _parse_list(turns, column)
    if turns is None:
        raise RowError(f"no `{column}`")
    if not isinstance(turns, list):
        raise RowError(f"`{column}` is {_kind_of(turns)}, not a list of turns")
    messages = [_read_turn(turn, number) for number, turn in enumerate(turns, 1)]
    if not any(message["role"] == "assistant" for message in messages):
        raise RowError("no assistant turn, so there is nothing to learn")
    return messages


def _parse_list(text: str, column: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RowError(f"`{column}` is no readable JSON list") from error


def _read_turn(turn: Any, number: int) -> Row:
    if not isinstance(turn, dict):
        raise RowError(f"turn {number} is {_kind_of(turn)}, not role and content")
    said = turn.get("role", turn.get("from"))
    role = ROLES.get(str(said).strip().lower())
    if role is None:
        raise RowError(f"turn {number} has the role {show(said)}, expected user or assistant")
    content = _content_text(turn.get("content", turn.get("value")), number)
    if role == "assistant" and turn.get("weight") == 0:
        raise RowError(
            f"turn {number}, the assistant's, has the weight 0 and would be learned all the same; "
            "take it out or remove its weight"
        )
    if role == "assistant" and not content.strip():
        raise RowError(f"turn {number}, the assistant's, is empty")
    return {"role": role, "content": content}


def _content_text(content: Any, number: int) -> str:
    """The text of a turn, also when it is written as a list of parts."""
    if isinstance(content, list):
        if not all(
            isinstance(part, dict) and isinstance(part.get("text"), str) for part in content
        ):
            raise RowError(f"turn {number} holds something else than text")
        return "".join(part["text"] for part in content)
    text = _as_text(content)
    if text is None:
        raise RowError(f"the content of turn {number} is {_kind_of(content)}, not text")
    return text


def _require_text(row: Row, column: str) -> str:
    if column not in row:
        raise RowError(f"no `{column}`")
    text = _optional_text(row, column)
    if not text.strip():
        raise RowError(f"`{column}` is empty")
    return text


def _optional_text(row: Row, column: str | None) -> str:
    value = row.get(column) if column else None
    text = _as_text(value)
    if text is None:
        raise RowError(f"`{column}` is {_kind_of(value)}, not text")
    return text


def _as_text(value: Any) -> str | None:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return str(value) if is_number(value) else None


def _kind_of(value: Any) -> str:
    if value is None:
        return "nothing"
    words = {bool: "true or false", list: "a list", dict: "an object", str: "text"}
    return words.get(type(value), "a number")
