"""What the dataset desk says, in words. Pure: values in, texts out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.dataset.arrival.progress import Progress, time_left_s
from core.dataset.card import Dataset
from core.dataset.convert import said_in
from core.dataset.format import Row
from streamlit_app.display import bytes_text, count_text, duration_text, rows_text, sentence

FORMAT_WORDS: Mapping[str, str] = {
    "messages": "Chat messages (OpenAI)",
    "conversations": "Conversations (ShareGPT)",
    "alpaca": "Instruction (Alpaca)",
    "question_answer": "Question and answer",
    "prompt_completion": "Prompt and completion",
    "preference": "Preference pairs",
    "labelled": "Good and bad answers",
    "text": "Plain text",
}

KIND_WORDS: Mapping[str, str] = {
    "chat": "chat",
    "completion": "plain text",
    "preference": "preference",
    "labelled": "labelled",
}

FORMAT_NOTES: Mapping[str, str] = {
    "messages": "Each row is a conversation: a list of turns with role and content.",
    "conversations": "Each row is a conversation: a list of turns with from and value.",
    "alpaca": "An instruction, often with an input below it, and the answer.",
    "question_answer": "A question and its answer.",
    "prompt_completion": "A prompt and what the model shall answer.",
    "preference": "A better and a worse answer to the same question, for DPO or ORPO.",
    "labelled": "An answer, and whether it is good, for KTO.",
    "text": "The model learns to go on in the same style; it does not learn to answer.",
}

PART_WORDS: Mapping[str, str] = {
    "turns": "Conversation",
    "question": "Question",
    "answer": "Answer",
    "context": "Context",
    "system": "System prompt",
    "text": "Text",
    "chosen": "Better answer",
    "rejected": "Worse answer",
    "label": "Whether it is good",
}

STAGE_WORDS: Mapping[str, str] = {
    "starting": "Starting",
    "asking the Hub": "Asking the Hub",
    "fetching": "Fetching the rows from the Hub",
    "gathering": "Gathering the files of the folder",
    "copying": "Copying the file",
    "reading": "Reading and checking every row",
    "validation": "Reading the rows for validation",
    "splitting": "Setting rows aside for validation",
}

RL_WORDS: Mapping[str, str] = {"dpo": "DPO", "orpo": "ORPO", "kto": "KTO"}

RL_NOTES: Mapping[str, str] = {
    "dpo": "Learns to prefer the better answer, measured against the model as it was.",
    "orpo": "Learns the better answer and to prefer it in one go; needs no second model.",
    "kto": "Learns from single answers, each called good or bad.",
}

ENCODING_WORDS: Mapping[str, str] = {
    "cp1252": "Windows-1252",
    "latin-1": "Latin-1",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
}


def format_text(name: str) -> str:
    """The format as it is called; one of a newer version as it stands."""
    return FORMAT_WORDS.get(name, name)


def version_text(dataset: Dataset) -> str:
    """`v2` of a newer version; empty for the first."""
    number = dataset.name.rpartition("-v")[2]
    return f"v{number}" if dataset.version_of and number.isdigit() else ""


def stage_text(stage: str) -> str:
    """What is being done with an arrival; a stage that is not known here as it stands."""
    return STAGE_WORDS.get(stage, sentence(stage))


def percent_text(part: float) -> str:
    """`100 %`, `94 %`, `0.4 %`; never 100 % where something is missing."""
    percent = 100 * part
    if 0 < percent < 1:
        return f"{max(percent, 0.1):.1f} %"
    return f"{min(percent, 99.0) if 99 < percent < 100 else percent:.0f} %"


def progress_text(progress: Progress, at: datetime) -> str:
    """How far it is and how fast: bytes, rows, both per second, the time left, bad rows."""
    took_s = (progress.at - progress.started_at).total_seconds()
    told = []
    if progress.bytes_total:
        told.append(f"{bytes_text(progress.bytes_done)} of {bytes_text(progress.bytes_total)}")
    elif progress.bytes_done:
        told.append(bytes_text(progress.bytes_done))
    if progress.rows:
        told.append(rows_text(progress.rows))
    if progress.rows and took_s >= 1:
        told.append(f"{count_text(progress.rows / took_s)} rows/s")
    if progress.bytes_per_s:
        told.append(f"{bytes_text(progress.bytes_per_s)}/s")
    left_s = time_left_s(progress, at)
    if left_s is not None:
        told.append(f"{duration_text(left_s)} left")
    if progress.bad_rows:
        told.append(f"{bad_text(progress.bad_rows)} so far")
    return " · ".join(told)


def bad_text(count: int) -> str:
    """`1 bad row`, `12 bad rows`."""
    return "1 bad row" if count == 1 else f"{count_text(count)} bad rows"


def letters_text(count: int) -> str:
    """`1 letter`, `1,234 letters`: characters of any kind."""
    return "1 letter" if count == 1 else f"{count_text(count)} letters"


def tokens_text(count: float) -> str:
    """`1 token`, `1,234 tokens`."""
    return "1 token" if count == 1 else f"{count_text(count)} tokens"


def said_by(row: Mapping[str, Any], role: str) -> str:
    """What the first turn of that role says, in a converted row."""
    turns = row.get("messages") or row.get("completion") or ()
    return next((str(turn["content"]) for turn in turns if turn["role"] == role), "")


def length_of(row: Row) -> int | None:
    """The characters of a converted row; None of one that is not."""
    try:
        return len(said_in(row))
    except (KeyError, TypeError, IndexError):
        return None
