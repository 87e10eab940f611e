"""python -P -m trainer.hub_rows --arrival FOLDER

Fetches a dataset of the Hugging Face Hub, as `fetch.yaml` in the arrival's folder says, into a file
of JSON Lines. No code that comes with a dataset is ever run.
"""

import argparse
import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from core.dataset.arrival.arriving import check_hub_words, check_room, finish
from core.dataset.arrival.outcome import Outcome
from core.errors import DatasetError, SpecError
from core.files import read_untrusted
from core.paths import ArrivalPaths, Workspace, find_workspace
from core.safe_yaml import load_yaml_mapping
from core.settings import Settings, load_settings
from trainer.arriving import NICENESS, Teller, work
from trainer.hub_reach import check_online
from trainer.model_trouble import causes, is_unreachable, one_line

ASKING, FETCHING = "asking the Hub", "fetching"
MAX_REQUEST_BYTES = 4096
TELL_EVERY_ROWS = 64
CHECK_ROOM_EVERY_S = 1.0
BUFFER_BYTES = 1024 * 1024
LISTED = re.compile(r"\[(.*?)\]", re.DOTALL)

QUIET = {
    "USE_TORCH": "0",
    "USE_TF": "0",
    "USE_JAX": "0",
    "HF_HUB_ETAG_TIMEOUT": "10",
    "HF_HUB_DOWNLOAD_TIMEOUT": "20",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}
"""Told to the loading code before its import: nothing it does not need, and no endless waiting."""


@dataclass(frozen=True)
class Wanted:
    """A dataset of the Hub; an empty config or split is for the loading code to find."""

    dataset_id: str
    config: str = ""
    split: str = ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Fetch the rows; why that was not possible is written down as the outcome."""
    parser = argparse.ArgumentParser(prog="trainer.hub_rows", description=__doc__)
    parser.add_argument("--arrival", required=True, type=Path)
    options = parser.parse_args(arguments)
    workspace = find_workspace()
    work(options.arrival, lambda paths, teller: fetch(workspace, paths, teller))


def fetch(workspace: Workspace, paths: ArrivalPaths, teller: Teller) -> Outcome | None:
    """Bring the rows into the arrival. Raises DatasetError saying why they cannot be had."""
    teller.tell(ASKING)
    wanted, settings = read_wanted(paths), load_settings(workspace.settings)
    check_online(settings, os.environ)
    # Only the Hub is meant, whatever is called the same on this machine.
    rows = load_rows(f"hf://datasets/{wanted.dataset_id}", wanted)
    sha256 = write_rows(rows, workspace, settings, paths, teller)
    finish(paths, sha256)
    return None


def read_wanted(paths: ArrivalPaths) -> Wanted:
    """What the request names. Raises DatasetError when it is no honest one."""
    try:
        record = load_yaml_mapping(read_untrusted(paths.fetch_request, MAX_REQUEST_BYTES))
    except SpecError as error:
        raise DatasetError(f"fetch.yaml: {error}") from error
    words = [str(record.get(name) or "") for name in ("id", "config", "split")]
    check_hub_words(*words)
    return Wanted(*words)


def load_rows(source: str, wanted: Wanted) -> Any:
    """The rows of one split, to be iterated. Raises DatasetError saying why there are none."""
    os.environ.update(QUIET)
    import datasets

    datasets.config.STREAMING_READ_MAX_RETRIES = datasets.config.STREAMING_OPEN_MAX_RETRIES = 3
    try:
        splits = datasets.load_dataset(source, wanted.config or None, streaming=True)
        rows = choose_split(splits, wanted)
        features = rows.features or rows._resolve_features().features
    except DatasetError:
        raise
    except Exception as error:
        raise DatasetError(explain(error, wanted)) from error
    if unfit := find_unfit(features or {}):
        column, kind = unfit
        raise DatasetError(
            f"{wanted.dataset_id}: the column `{column}` holds {kind}, not text. Choose a dataset "
            "of texts."
        )
    return rows


def choose_split(splits: Mapping[str, Any], wanted: Wanted) -> Any:
    """The split that is wanted; `train`, or the only one, where none is named."""
    names = list(splits)
    name = wanted.split or ("train" if "train" in names or len(names) != 1 else names[0])
    if name in names:
        return splits[name]
    listed = ", ".join(map(str, names))
    if wanted.split:
        raise DatasetError(f"{wanted.dataset_id} has no split `{name}`. It has: {listed}.")
    raise DatasetError(f"{wanted.dataset_id} needs the name of a split. It has: {listed}.")


def find_unfit(feature: Any, column: str = "") -> tuple[str, str] | None:
    """The first column that is no text or number, and what it holds; None when all are."""
    if isinstance(feature, Mapping):
        parts = [(f"{column}.{name}" if column else str(name), feature[name]) for name in feature]
        return next((found for name, part in parts if (found := find_unfit(part, name))), None)
    if isinstance(feature, list):
        return find_unfit(feature[0], column) if feature else None
    inner = getattr(feature, "feature", None)
    if inner is not None:
        return find_unfit(inner, column)
    # What must be decoded is a picture, a sound or the like.
    if hasattr(feature, "decode_example"):
        return column, f"{type(feature).__name__.lower()}s"
    if "binary" in str(getattr(feature, "dtype", "")):
        return column, "bytes"
    return None


def explain(error: Exception, wanted: Wanted) -> str:
    """Why the dataset cannot be loaded and what to do, as sentences for people."""
    name, text = wanted.dataset_id, one_line(error)
    chain = causes(error)
    if "gated" in text:
        return (
            f"{name} is gated: accept its terms on huggingface.co, and put a token that may read "
            "it (HF_TOKEN) into the daemon's environment."
        )
    if "scripts are no longer supported" in text:
        return f"{name} brings its own Python code, which is not run here. Choose another dataset."
    if text.startswith("Config name is missing"):
        return f"{name} needs the name of a config. It has: {_listed(error)}."
    if text.startswith("BuilderConfig"):
        return f"{name} has no config `{wanted.config}`. It has: {_listed(error)}."
    # "Couldn't reach" is said of a dataset that could not be asked for.
    if is_unreachable(chain) or "Couldn't reach" in text:
        return f"The connection to the Hugging Face Hub was lost when {name} was asked. Try again."
    if any(type(cause).__name__ in NOT_FOUND for cause in chain):
        return (
            f"The Hugging Face Hub knows no dataset {name}, or only those who are logged in may "
            "see it. Check the name, or put a token (HF_TOKEN) into the daemon's environment."
        )
    return f"{name} cannot be loaded: {text}"


NOT_FOUND = ("DatasetNotFoundError", "RepositoryNotFoundError")


def _listed(error: Exception) -> str:
    found = LISTED.search(str(error))
    names = [name.strip().strip("'\"") for name in found[1].split(",")] if found else []
    return ", ".join(names[:50]) + (" and more" if len(names) > 50 else "")


def write_rows(
    rows: Any, workspace: Workspace, settings: Settings, paths: ArrivalPaths, teller: Teller
) -> str:
    """Write every row as a line into `part`; returns the SHA-256 of all.

    Raises DatasetError when the disk fills up or the connection is lost.
    """
    digest, done, total, count = hashlib.sha256(), 0, size_told(rows), 0
    check_room(workspace, settings, total)
    check_at = time.monotonic() + CHECK_ROOM_EVERY_S
    with paths.part.open("wb", BUFFER_BYTES) as file:
        for count, row in enumerate(_told(rows), 1):
            line = to_line(row)
            digest.update(line)
            file.write(line)
            done += len(line)
            if count % TELL_EVERY_ROWS == 1:
                teller.tell(FETCHING, done, max(total, done) if total else 0, count)
                if time.monotonic() >= check_at:
                    check_at = time.monotonic() + CHECK_ROOM_EVERY_S
                    check_room(workspace, settings, 0)
    if not count:
        raise DatasetError("The dataset has no rows. Choose another split or config.")
    return digest.hexdigest()


def _told(rows: Iterable[Any]) -> Iterable[Any]:
    """The rows; what goes wrong on the way is said in a sentence."""
    try:
        yield from rows
    except Exception as error:
        words = one_line(error)
        raise DatasetError(
            f"The rows could not be read to their end: {words}. Try again."
        ) from error


def size_told(rows: Any) -> int:
    """The bytes that the dataset says its split has; 0 when it says nothing."""
    splits = getattr(getattr(rows, "info", None), "splits", None) or {}
    told = splits.get(str(rows.split)) if rows.split else None
    return int(getattr(told, "num_bytes", 0) or 0)


def to_line(row: Any) -> bytes:
    """The row as one line of JSON; what JSON has no word for becomes text."""
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(row, default=str, option=options)
    except TypeError:
        # A number beyond 64 bits, or half a surrogate pair.
        text = json.dumps(row, ensure_ascii=False, default=str)
        return text.encode("utf-8", "replace") + b"\n"


if __name__ == "__main__":
    os.nice(NICENESS)
    main()
