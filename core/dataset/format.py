"""What the columns of an upload mean: the formats there are, and recognising one."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]

MAX_SHOWN = 200
TEMPLATE = re.compile(r"\{([^{}]+)\}")
"""The name of a column inside a template such as `{title}: {body}`."""

ALIAS_CONFIDENCE = 0.9
GUESS_CONFIDENCE = 0.5


@dataclass(frozen=True)
class Shape:
    """What a format is made of: the parts that a row must have, and those it may have."""

    kind: str
    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """Every part, those that are needed first."""
        return (*self.needed, *self.optional)


SHAPES: Mapping[str, Shape] = {
    "messages": Shape("chat", ("turns",), ("system",)),
    "conversations": Shape("chat", ("turns",), ("system",)),
    "alpaca": Shape("chat", ("question", "answer"), ("context", "system")),
    "question_answer": Shape("chat", ("question", "answer"), ("context", "system")),
    "prompt_completion": Shape("chat", ("question", "answer"), ("context", "system")),
    "preference": Shape("preference", ("chosen", "rejected"), ("question", "system")),
    "labelled": Shape("labelled", ("answer", "label"), ("question", "system")),
    "text": Shape("completion", ("text",)),
}
"""Every format by name; `kind` is what is learned from its rows."""

EXPECTED = (
    "`messages` (a list of role and content), `conversations` (a list of from and value), "
    "`instruction` and `output`, `question` and `answer`, `prompt` and `completion`, `chosen` and "
    "`rejected`, `completion` and `label`, or `text`"
)
TURNS = ("messages", "conversations")
ANSWERS = ("output", "answer", "completion", "response")
PAIRS = (
    ("alpaca", "instruction", ("output", "response", "answer")),
    ("question_answer", "question", ("answer", "response", "output")),
    ("prompt_completion", "prompt", ("completion", "response", "answer", "output")),
    ("prompt_completion", "input", ("output", "response")),
    ("prompt_completion", "query", ("response", "answer", "output")),
)
FIRST_ANSWERS = {"alpaca": "output", "question_answer": "answer", "prompt_completion": "completion"}
QUESTIONS = ("prompt", "question", "instruction", "query", "input", "messages")
CONTEXTS = ("input", "context")
SYSTEMS = ("system", "system_prompt")
TEXTS = ("text", "content", "document")
LABELS: Mapping[Any, bool] = {
    **dict.fromkeys((True, 1, "1", "true", "yes", "good", "desirable", "chosen", "👍"), True),
    **dict.fromkeys((False, 0, -1, "0", "-1", "false", "no", "bad", "undesirable"), False),
    **dict.fromkeys(("rejected", "👎"), False),
}
"""What a label can say, and whether it means a good answer."""


class RowError(ValueError):
    """A row cannot be learned from; the text says why."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out: the line it begins at, why, and how it begins."""

    line: int
    reason: str
    content: str


@dataclass(frozen=True)
class Format:
    """A known way to write rows.

    `mapping` names for each part the column that plays it, or a template of several columns.
    """

    name: str
    mapping: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """`chat`, `completion`, `preference` or `labelled`: what is learned from the rows."""
        return SHAPES[self.name].kind

    @property
    def columns(self) -> frozenset[str]:
        """Every column that the mapping uses, those in templates too."""
        names = set(self.mapping.values())
        for source in self.mapping.values():
            names.update(TEMPLATE.findall(source))
        return frozenset(names)


@dataclass(frozen=True)
class Recognition:
    """A format that was recognised, and how sure that is (0 to 1)."""

    form: Format
    confidence: float


def recognise(row: Mapping[Any, Any]) -> Recognition | None:
    """The format of this row; None when there is no known one."""
    names = {str(column).strip().lower(): str(column) for column in row}
    return (
        _preference(names)
        or _labelled(names, row)
        or _turns(names, row)
        or _pair(names)
        or _text(names, row)
    )


def recognise_rows(rows: Iterable[Any]) -> Recognition | None:
    """The format that most of the rows have; None when no row has a known one.

    The confidence is that of the names, times the share of the rows that have this format.
    """
    looked = [recognise(row) if isinstance(row, dict) else None for row in rows]
    known = [found for found in looked if found]
    if not known:
        return None
    ((name, count),) = Counter(found.form.name for found in known).most_common(1)
    # The surest row that fills the most parts shows best what the columns are for.
    best = max(
        (found for found in known if found.form.name == name),
        key=lambda found: (found.confidence, len(found.form.mapping)),
    )
    return Recognition(best.form, best.confidence * count / len(looked))


def find_gaps(form: Format, columns: Sequence[str]) -> list[str]:
    """A sentence for each part of the mapping that is missing, or names a column there is not."""
    gaps = [
        f"choose the column that is the {part}"
        for part in SHAPES[form.name].needed
        if not form.mapping.get(part)
    ]
    known = set(columns)
    for part, source in form.mapping.items():
        if source in known:
            continue
        missing = [name for name in TEMPLATE.findall(source) if name not in known]
        if missing or not TEMPLATE.search(source):
            names = ", ".join(f"`{name}`" for name in missing or [source])
            gaps.append(f"the {part} names {names}, and there is no such column")
    return gaps


def show(value: Any) -> str:
    """The beginning of any value, as text that can be shown and saved."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
    # Half a surrogate pair can stand in JSON, but not in a file or a page.
    return text.encode("utf-8", "replace").decode("utf-8")


def holds_turns(value: Any) -> bool:
    """Whether the value is a list of turns, each with a role and what was said."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(turn, dict)
            and ("role" in turn or "from" in turn)
            and ("content" in turn or "value" in turn)
            for turn in value
        )
    )


def _first(names: Mapping[str, str], candidates: Iterable[str]) -> str:
    """The column of the first candidate there is; empty when there is none."""
    return next((names[name] for name in candidates if name in names), "")


def _with_optional(mapping: dict[str, str], **found: str) -> dict[str, str]:
    used = set(mapping.values())
    return mapping | {
        part: column for part, column in found.items() if column and column not in used
    }


def _preference(names: Mapping[str, str]) -> Recognition | None:
    if "chosen" not in names or "rejected" not in names:
        return None
    mapping = _with_optional(
        {"chosen": names["chosen"], "rejected": names["rejected"]},
        question=_first(names, QUESTIONS),
        system=_first(names, SYSTEMS),
    )
    return Recognition(Format("preference", mapping), 1.0)


def _labelled(names: Mapping[str, str], row: Mapping[Any, Any]) -> Recognition | None:
    answer = _first(names, (*reversed(ANSWERS), *TURNS))
    label = names.get("label", "")
    if not answer or not label or read_label(row[label]) is None:
        return None
    mapping = _with_optional(
        {"answer": answer, "label": label},
        question=_first(names, QUESTIONS),
        system=_first(names, SYSTEMS),
    )
    return Recognition(Format("labelled", mapping), 1.0)


def _turns(names: Mapping[str, str], row: Mapping[Any, Any]) -> Recognition | None:
    for name in TURNS:
        if name in names:
            mapping = _with_optional({"turns": names[name]}, system=_first(names, SYSTEMS))
            return Recognition(Format(name, mapping), 1.0)
    column = next((str(column) for column, value in row.items() if holds_turns(value)), "")
    if not column:
        return None
    name = "messages" if "role" in row[column][0] else "conversations"
    mapping = _with_optional({"turns": column}, system=_first(names, SYSTEMS))
    return Recognition(Format(name, mapping), ALIAS_CONFIDENCE)


def _pair(names: Mapping[str, str]) -> Recognition | None:
    for name, question, answers in PAIRS:
        answer = next((answer for answer in answers if answer in names), "")
        if question not in names or not answer:
            continue
        mapping = _with_optional(
            {"question": names[question], "answer": names[answer]},
            context=_first(names, CONTEXTS),
            system=_first(names, SYSTEMS),
        )
        is_usual = answer == FIRST_ANSWERS[name]
        return Recognition(Format(name, mapping), 1.0 if is_usual else ALIAS_CONFIDENCE)
    return None


def _text(names: Mapping[str, str], row: Mapping[Any, Any]) -> Recognition | None:
    column = _first(names, TEXTS)
    if column:
        is_usual = column.strip().lower() == "text"
        return Recognition(Format("text", {"text": column}), 1.0 if is_usual else ALIAS_CONFIDENCE)
    words = [str(column) for column, value in row.items() if isinstance(value, str)]
    if len(words) == 1 and len(names) == 1:
        return Recognition(Format("text", {"text": words[0]}), GUESS_CONFIDENCE)
    return None


def read_label(value: Any) -> bool | None:
    """Whether a label means a good answer; None when it is no label."""
    if isinstance(value, str):
        return LABELS.get(value.strip().lower())
    return LABELS.get(value) if isinstance(value, int | float) else None
