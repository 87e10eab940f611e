"""How Axolotl is told to read a dataset."""

from pathlib import Path
from typing import Any

from core.dataset.card import Dataset
from core.errors import DatasetError


def axolotl_block(dataset: Dataset) -> dict[str, Any]:
    """`datasets:`, and `test_datasets:` if rows were set aside, as they stand in a spec.

    Raises DatasetError when Axolotl could not read the rows.
    """
    reading = how_to_read(dataset)
    block = {"datasets": [_entry(dataset, dataset.paths.train, reading)]}
    if dataset.validation_rows:
        block["test_datasets"] = [_entry(dataset, dataset.paths.validation, reading)]
    return block


def how_to_read(dataset: Dataset) -> dict[str, Any]:
    """Axolotl's `type` for the rows, and the names of their columns."""
    turns = dataset.mapping.get("turns", "messages")
    if dataset.format == "text":
        field = "text" if dataset.is_converted else dataset.mapping.get("text", "text")
        return {"type": "completion", "field": field}
    if dataset.is_converted:
        return {"type": "chat_template", "field_messages": "messages"}
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


def _entry(dataset: Dataset, path: Path, reading: dict[str, Any]) -> dict[str, Any]:
    return {
        "path": f"./uploads/{dataset.name}/{path.name}",
        # Told outright: Axolotl takes a `.csv` or `.txt` anywhere in the path for the file's kind.
        "ds_type": "json",
        # A file has one split, and it is called train; for validation `test` would be looked for.
        "split": "train",
        **reading,
    }
