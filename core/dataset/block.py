"""How Axolotl is told to read a dataset."""

from pathlib import Path
from typing import Any

from core.dataset.card import Dataset
from core.errors import DatasetError

PREFERENCE_METHODS = ("dpo", "orpo")
METHODS_OF_KIND = {"preference": PREFERENCE_METHODS, "labelled": ("kto",)}
"""How can be learned from rows of a kind (Axolotl's `rl`); other kinds are just imitated."""


def axolotl_block(dataset: Dataset, rl: str = "") -> dict[str, Any]:
    """`datasets:`, `test_datasets:` if rows were set aside, and `rl:` with what it needs.

    `rl` chooses among the methods for this kind of rows; the first is the default. Raises
    DatasetError when Axolotl could not read the rows.
    """
    methods = METHODS_OF_KIND.get(dataset.kind, ())
    rl = rl if rl in methods else (methods or ("",))[0]
    reading = how_to_read(dataset, rl)
    block: dict[str, Any] = {"rl": rl} if rl else {}
    if rl == "kto":
        # Axolotl wants it said.
        block["remove_unused_columns"] = False
    block["datasets"] = [_entry(dataset, dataset.paths.train, reading)]
    if dataset.validation_rows:
        block["test_datasets"] = [_entry(dataset, dataset.paths.validation, reading)]
    return block


def how_to_read(dataset: Dataset, rl: str = "") -> dict[str, Any]:
    """Axolotl's `type` for the rows, and the names of their columns."""
    if dataset.is_converted:
        return _how_to_read_converted(dataset.kind, rl)
    if dataset.format == "text":
        return {"type": "completion", "field": dataset.mapping.get("text", "text")}
    turns = dataset.mapping.get("turns", "messages")
    if dataset.format == "messages":
        return {"type": "chat_template", "field_messages": turns}
    if dataset.format == "conversations":
        names = {"role": "from", "content": "value"}
        return {
            "type": "chat_template",
            "field_messages": turns,
            "message_property_mappings": names,
        }
    known = {"alpaca": "alpaca", "question_answer": "alpaca_chat.load_qa"}
    if dataset.format not in known:
        raise DatasetError(
            f"The rows of `{dataset.name}` are not ready to train: upload its file instead."
        )
    return {"type": known[dataset.format]}


def _how_to_read_converted(kind: str, rl: str) -> dict[str, Any]:
    if kind == "completion":
        return {"type": "completion", "field": "text"}
    if kind == "preference":
        return {"type": "chat_template.argilla" if rl == "orpo" else "chat_template.default"}
    if kind == "labelled":
        return {"type": "chatml.argilla_chat"}
    return {"type": "chat_template", "field_messages": "messages"}


def _entry(dataset: Dataset, path: Path, reading: dict[str, Any]) -> dict[str, Any]:
    return {
        "path": f"./uploads/{dataset.name}/{path.name}",
        # Told outright: Axolotl takes a `.csv` or `.txt` anywhere in the path for the file's kind.
        "ds_type": "json",
        # A file has one split, and it is called train; for validation `test` would be looked for.
        "split": "train",
        **reading,
    }
