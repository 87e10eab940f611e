"""What a trained model says to a few questions of its own dataset, kept beside the run."""

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.errors import RecordError
from core.files import load_json, parse_json_lines, save_json
from core.paths import RunPaths, Workspace
from core.run.store import FINAL
from core.spec.sources import data_sources, is_local, resolve

QUESTIONS = 3
MAX_LINE_BYTES = 256 * 1024
MAX_LINES = 50

_PART = re.compile(r"final|checkpoint-[0-9]{1,12}")
QUESTION_FIELDS = ("prompt", "instruction", "question", "input", "text")
ANSWER_FIELDS = ("completion", "output", "response", "answer", "chosen")


@dataclass(frozen=True)
class Sample:
    """A question of the dataset, and the answer that stands there."""

    question: str
    expected: str
    system: str = ""

    def messages(self) -> list[dict[str, str]]:
        """The question as the model is asked."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": self.question}]


@dataclass(frozen=True)
class Preview:
    """A question, what the dataset answers, and what the model answered."""

    question: str
    expected: str
    answer: str


def find_samples(config: dict[str, Any], workspace: Workspace) -> list[Sample]:
    """Questions from the first rows of the first dataset; none when it is not a local file."""
    path = _first_file(config, workspace)
    return read_samples(path) if path else []


def read_samples(path: Path, count: int = QUESTIONS) -> list[Sample]:
    """Different questions from the first rows of a JSON lines file; none in any other file."""
    samples = {sample.question: sample for row in _first_rows(path) if (sample := read(row))}
    return list(itertools.islice(samples.values(), count))


def has_dialogues(config: dict[str, Any], workspace: Workspace) -> bool:
    """Whether conversations of the first dataset go on after the first answer.

    True as well when that cannot be told.
    """
    path = _first_file(config, workspace)
    rows = _first_rows(path) if path else []
    turns = [_turns(row.get("messages") or row.get("conversations")) for row in rows]
    return not rows or any(sum(role == "user" for role, _ in row) > 1 for row in turns)


def read(row: dict[str, Any]) -> Sample | None:
    """The question in one row of training data, whichever of the usual shapes it has."""
    turns = _turns(row.get("messages") or row.get("conversations"))
    if turns:
        return _read_turns(turns)
    question = _first_text(row, QUESTION_FIELDS)
    if row.get("instruction") and isinstance(row.get("input"), str) and row["input"].strip():
        question = f"{question}\n\n{row['input']}"
    return Sample(question, _first_text(row, ANSWER_FIELDS)) if question else None


def load_previews(paths: RunPaths, part: str = FINAL) -> list[Preview]:
    """The previews kept for the final weights or a checkpoint; none when there are none."""
    try:
        records = load_json(file_of(paths, part))["previews"]
        return [Preview(**{name: str(record[name]) for name in FIELDS}) for record in records]
    except (OSError, RecordError, KeyError, TypeError):
        return []


def save_previews(paths: RunPaths, previews: Sequence[Preview], part: str = FINAL) -> None:
    """Keep the previews."""
    path = file_of(paths, part)
    path.parent.mkdir(exist_ok=True)
    save_json(path, {"previews": [asdict(preview) for preview in previews]})


def file_of(paths: RunPaths, part: str) -> Path:
    """Where the previews of `final` or `checkpoint-<step>` lie."""
    if not _PART.fullmatch(part):
        raise RecordError(f"{part!r} names no weights; write `final` or `checkpoint-<step>`")
    return paths.previews / f"{part}.json"


FIELDS = tuple(Preview.__dataclass_fields__)


def _first_file(config: dict[str, Any], workspace: Workspace) -> Path | None:
    sources = [source for _, source in data_sources({"datasets": config.get("datasets")})]
    if not sources or not is_local(sources[0], workspace.root):
        return None
    return resolve(sources[0], workspace.root)


def _first_rows(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return parse_json_lines([file.readline(MAX_LINE_BYTES) for _ in range(MAX_LINES)])
    except OSError:
        return []


def _turns(messages: Any) -> list[tuple[str, str]]:
    """Role and text of each message; none when it is no list of messages."""
    listed = messages if isinstance(messages, list) else []
    return [(_role(turn), _content(turn)) for turn in listed if isinstance(turn, dict)]


def _read_turns(turns: list[tuple[str, str]]) -> Sample | None:
    asked = next((i for i, (role, text) in enumerate(turns) if role == "user" and text), None)
    if asked is None:
        return None
    system = next((text for role, text in turns[:asked] if role == "system"), "")
    expected = next((text for role, text in turns[asked + 1 :] if role == "assistant"), "")
    return Sample(turns[asked][1], expected, system)


def _role(message: dict[str, Any]) -> str:
    role = str(message.get("role") or message.get("from") or "")
    return {"human": "user", "gpt": "assistant"}.get(role, role)


def _content(message: dict[str, Any]) -> str:
    content = message.get("content") or message.get("value") or ""
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _first_text(row: dict[str, Any], names: Sequence[str]) -> str:
    return next((row[name] for name in names if isinstance(row.get(name), str) and row[name]), "")
