"""The row that Axolotl is given for a row of an upload.

| kind       | row                                                                        |
|------------|----------------------------------------------------------------------------|
| chat       | `{"messages": [{"role", "content"}, ...]}`                                 |
| completion | `{"text": ...}`                                                            |
| preference | `{"messages": [...], "chosen": [...], "rejected": [...], "system": ...}`   |
| labelled   | `{"completion": [...], "label": true}`                                     |

The `messages` of a preference end before the answer, for DPO; `chosen` and `rejected` hold the
whole conversation without its system prompt, and `system` that, for ORPO.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from core.dataset.format import (
    SHAPES,
    TEMPLATE,
    Format,
    Row,
    RowError,
    holds_turns,
    read_label,
    show,
)
from core.numbers import is_number

ROLES: Mapping[str, str] = {
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
LONGEST_NUMBER = 2**63
"""From here on orjson rounds whole numbers."""
MAX_LEFT_OUT = 200
"""So many keys of turns are named; a hostile file may have a new one in every row."""
TURN_KEYS = frozenset({"role", "from", "content", "value", "weight"})

Turn = dict[str, str]


class Converter:
    """Turns rows of one format into rows for Axolotl.

    `left_out` collects the keys of turns that were not taken over.
    """

    def __init__(self, form: Format, system_prompt: str = "") -> None:
        self.left_out: set[str] = set()
        self._mapping = {part: source for part, source in form.mapping.items() if source}
        self._system_prompt = system_prompt
        makers: dict[str, Callable[[Row], Row]] = {
            "chat": self._chat if "turns" in SHAPES[form.name].needed else self._pair,
            "completion": self._text,
            "preference": self._preference,
            "labelled": self._labelled,
        }
        self._make = makers[form.kind]

    def convert(self, row: Any) -> Row:
        """The row for Axolotl. Raises RowError when nothing can be learned from it."""
        if not isinstance(row, dict):
            raise RowError(f"{_kind_of(row)} where a JSON object with columns is expected")
        return self._make(row)

    def _text(self, row: Row) -> Row:
        return {"text": self._require_text(row, "text")}

    def _chat(self, row: Row) -> Row:
        turns = self._read_turns(self._value(row, "turns"), self._mapping["turns"])
        return {"messages": self._with_system(row, turns)}

    def _pair(self, row: Row) -> Row:
        question = self._require_text(row, "question")
        answer = self._require_text(row, "answer")
        context = self._optional_text(row, "context")
        if context.strip():
            question = f"{question}\n\n{context}"
        turns = [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
        return {"messages": self._with_system(row, turns)}

    def _preference(self, row: Row) -> Row:
        before, good = self._answered(row, "chosen")
        rejected_before, bad = self._answered(row, "rejected")
        if rejected_before != before:
            raise RowError("chosen and rejected answer different conversations")
        if good == bad:
            raise RowError("chosen and rejected are the same, so there is nothing to prefer")
        before = self._with_system(row, before)
        if not any(turn["role"] == "user" for turn in before):
            raise RowError("no question before the answers")
        spoken = before[1:] if before[0]["role"] == "system" else before
        made: Row = {
            "messages": before,
            "chosen": [*spoken, {"role": "assistant", "content": good}],
            "rejected": [*spoken, {"role": "assistant", "content": bad}],
        }
        return made if spoken is before else made | {"system": before[0]["content"]}

    def _labelled(self, row: Row) -> Row:
        before, answer = self._answered(row, "answer")
        said = self._value(row, "label")
        label = read_label(said)
        if label is None:
            raise RowError(f"the label is {show(said)}, expected true or false")
        before = self._with_system(row, before)
        if not any(turn["role"] == "user" for turn in before):
            raise RowError("no question before the answer")
        return {"completion": [*before, {"role": "assistant", "content": answer}], "label": label}

    def _answered(self, row: Row, part: str) -> tuple[list[Turn], str]:
        """The conversation before an answer, and the answer, which may be written as a list."""
        value = _parsed(self._value(row, part))
        if not isinstance(value, list):
            return self._asked(row), self._require_text(row, part)
        turns = self._read_turns(value, self._mapping[part])
        if turns[-1]["role"] != "assistant":
            raise RowError(f"`{self._mapping[part]}` does not end with the assistant's turn")
        return turns[:-1] or self._asked(row), turns[-1]["content"]

    def _asked(self, row: Row) -> list[Turn]:
        if "question" not in self._mapping:
            return []
        value = _parsed(self._value(row, "question"))
        if isinstance(value, list):
            return self._read_turns(value, self._mapping["question"], must_answer=False)
        return [{"role": "user", "content": self._require_text(row, "question")}]

    def _with_system(self, row: Row, turns: list[Turn]) -> list[Turn]:
        """The turns behind the row's own system prompt, or behind the one for all rows."""
        if turns and turns[0]["role"] == "system":
            return turns
        system = self._optional_text(row, "system")
        prompt = system if system.strip() else self._system_prompt
        return [{"role": "system", "content": prompt}, *turns] if prompt else turns

    def _value(self, row: Row, part: str) -> Any:
        """What plays this part: a column, or a template that is filled; None when there is none."""
        source = self._mapping.get(part, "")
        if source in row:
            return row[source]
        return fill_template(source, row) if TEMPLATE.search(source) else None

    def _require_text(self, row: Row, part: str) -> str:
        value = self._value(row, part)
        if value.__class__ is not str:
            value = self._other_text(row, part, value)
        if not value or value.isspace():
            raise RowError(f"`{self._mapping[part]}` is empty")
        return str(value)

    def _other_text(self, row: Row, part: str, value: Any) -> str:
        source = self._mapping[part]
        if value is None and source not in row:
            raise RowError(f"no `{source}`")
        return _as_text(value, source)

    def _optional_text(self, row: Row, part: str) -> str:
        if part not in self._mapping:
            return ""
        return _as_text(self._value(row, part), self._mapping[part])

    def _read_turns(self, turns: Any, column: str, must_answer: bool = True) -> list[Turn]:
        turns = _parsed(turns)
        if turns is None:
            raise RowError(f"no `{column}`")
        if not isinstance(turns, list):
            raise RowError(f"`{column}` is {_kind_of(turns)}, not a list of turns")
        messages = [
            turn if _is_plain(turn) else self._read_turn(turn, number)
            for number, turn in enumerate(turns, 1)
        ]
        if must_answer and not any(turn["role"] == "assistant" for turn in messages):
            raise RowError("no assistant turn, so there is nothing to learn")
        return messages

    def _read_turn(self, turn: Any, number: int) -> Turn:
        if turn.__class__ is not dict:
            raise RowError(f"turn {number} is {_kind_of(turn)}, not role and content")
        said = turn.get("role", turn.get("from"))
        role = ROLES.get(said) if said.__class__ is str else None
        role = role or ROLES.get(str(said).strip().lower())
        if role is None:
            raise RowError(f"turn {number} has the role {show(said)}, expected user or assistant")
        content = turn.get("content", turn.get("value"))
        if content.__class__ is not str:
            content = _content_text(content, number)
        if role == "assistant":
            _check_answer(turn, content, number)
        if len(turn) > 2 and len(self.left_out) < MAX_LEFT_OUT:
            self.left_out.update(map(str, turn.keys() - TURN_KEYS))
        return {"role": role, "content": content}


def _is_plain(turn: Any) -> bool:
    """Whether the turn stands as Axolotl is given it already, as most do."""
    if turn.__class__ is not dict or len(turn) != 2:
        return False
    content = turn.get("content")
    if content.__class__ is not str:
        return False
    role = turn.get("role")
    return role == "user" or (role == "assistant" and bool(content) and not content.isspace())


def convert(row: Any, form: Format, system_prompt: str = "") -> Row:
    """The row as Axolotl is given it. Raises RowError when nothing can be learned from it."""
    return Converter(form, system_prompt).convert(row)


def fill_template(template: str, row: Mapping[str, Any]) -> str:
    """The template with every `{column}` replaced by its text. Raises RowError if one is missing.

    What a column holds is never taken for a template itself.
    """

    def fill(match: Any) -> str:
        if match[1] not in row:
            raise RowError(f"no `{match[1]}`")
        return _as_text(row[match[1]], match[1])

    return TEMPLATE.sub(fill, template)


def said_in(row: Row) -> str:
    """What a row for Axolotl says, without the names of the roles."""
    if "text" in row:
        return str(row["text"])
    turns = row.get("completion") or row["messages"]
    if "chosen" in row:
        turns = [*turns, row["chosen"][-1], row["rejected"][-1]]
    return "\n".join([turn["content"] for turn in turns])


def _check_answer(turn: Row, content: str, number: int) -> None:
    if turn.get("weight") == 0:
        raise RowError(
            f"turn {number}, the assistant's, has the weight 0 and would be learned all the same; "
            "take it out or remove its weight"
        )
    if not content or content.isspace():
        raise RowError(f"turn {number}, the assistant's, is empty")


def _parsed(value: Any) -> Any:
    """The value, or the list of turns that a cell of a CSV holds as text."""
    if value.__class__ is not str or not value.lstrip().startswith("[{"):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if holds_turns(found) else value


def _content_text(content: Any, number: int) -> str:
    """The text of a turn, also when it is written as a list of parts."""
    if isinstance(content, list):
        if not all(
            isinstance(part, dict) and isinstance(part.get("text"), str) for part in content
        ):
            raise RowError(f"turn {number} holds something else than text")
        return "".join(part["text"] for part in content)
    try:
        return _as_text(content, "")
    except RowError:
        raise RowError(f"the content of turn {number} is {_kind_of(content)}, not text") from None


def _as_text(value: Any, column: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if is_number(value):
        if isinstance(value, float) and abs(value) >= LONGEST_NUMBER:
            raise RowError(f"`{column}` is too long a number to be kept to the digit: make it text")
        return str(value)
    raise RowError(f"`{column}` is {_kind_of(value)}, not text")


def _kind_of(value: Any) -> str:
    if value is None:
        return "nothing"
    words = {bool: "true or false", list: "a list", dict: "an object", str: "text"}
    return words.get(type(value), "a number")
