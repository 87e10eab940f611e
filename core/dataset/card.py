"""A dataset as pages see it, and `dataset.yaml`, where that is written down."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.clock import from_text, to_text
from core.dataset.format import SHAPES, holds_turns, recognise
from core.dataset.report import Report, to_report
from core.errors import DatasetError, SpecError
from core.files import parse_json_lines, write_whole
from core.paths import DatasetPaths, Workspace
from core.safe_yaml import dump_yaml, load_yaml_mapping

PIECE_BYTES = 1024 * 1024
MAX_FIRST_LINE = 16 * 1024 * 1024


@dataclass(frozen=True)
class Dataset:
    """A dataset of the workspace. `format` is how the original was written.

    `is_converted` tells that `train.jsonl` holds what `convert` makes, whatever the format was.
    `version_of` names the dataset that this is a newer version of; `validation` is the part, or
    the number, of rows that was to be set aside. `problem` is a sentence on what is wrong with it.
    """

    paths: DatasetPaths
    format: str
    rows: int
    created_at: datetime
    validation_rows: int = 0
    bytes: int = 0
    columns: tuple[str, ...] = ()
    mapping: dict[str, str] = field(default_factory=dict)
    sha256: str = ""
    system_prompt: str = ""
    file_name: str = ""
    version_of: str = ""
    validation: float = 0.0
    seed: int = 42
    report: Report = field(default_factory=Report)
    is_converted: bool = True
    problem: str = ""

    @property
    def name(self) -> str:
        return self.paths.name

    @property
    def kind(self) -> str:
        """`chat`, `completion`, `preference` or `labelled`: what is learned from the rows."""
        return SHAPES[self.format].kind if self.format in SHAPES else "chat"

    @property
    def is_trainable(self) -> bool:
        """Whether Axolotl can read the rows."""
        return self.format != "unknown"


def list_datasets(workspace: Workspace) -> list[Dataset]:
    """Every dataset by name; a folder copied in by hand counts once it has a `train.jsonl`."""
    folders = sorted(workspace.uploads.glob("[!.]*"))
    found = [find_dataset(workspace, folder.name) for folder in folders]
    return [dataset for dataset in found if dataset]


def find_dataset(workspace: Workspace, name: str) -> Dataset | None:
    """The dataset of this name; None when there is none."""
    if not name or name.startswith(".") or "/" in name or "\0" in name:
        return None
    paths = workspace.dataset(name)
    try:
        return load_dataset(paths) if paths.train.is_file() else None
    except OSError:
        return None


def save_card(dataset: Dataset, card: Path) -> None:
    """Write the dataset's record, `dataset.yaml`."""
    write_whole(card, dump_yaml(_to_record(dataset)))


def write_card(paths: DatasetPaths, target: DatasetPaths | None = None) -> Dataset:
    """Write the card of a dataset whose rows are there already, to be moved to `target`."""
    dataset = replace(describe(paths), paths=target or paths, is_converted=True)
    if not _is_made_by_us(_first_row(paths.train)):
        raise DatasetError(f"{paths.train}: the rows have neither `messages` nor `text`.")
    save_card(dataset, paths.card)
    return dataset


def load_dataset(paths: DatasetPaths) -> Dataset:
    """The dataset in a folder with a `train.jsonl`.

    A folder without card is described from its rows, and so is one whose card cannot be read: its
    `problem` says so.
    """
    try:
        info = paths.card.stat()
        return _load_card(paths, info.st_mtime_ns, info.st_size)
    except FileNotFoundError:
        return describe(paths)
    except (OSError, SpecError, KeyError, TypeError, ValueError, AttributeError) as error:
        return describe(paths, f"dataset.yaml cannot be read: {error}")


@lru_cache(maxsize=512)
def _load_card(paths: DatasetPaths, mtime_ns: int, size: int) -> Dataset:
    """What the card says; read again only when it has changed."""
    return _from_record(paths, load_yaml_mapping(paths.card.read_bytes()))


def describe(paths: DatasetPaths, problem: str = "") -> Dataset:
    """A dataset told from its rows alone."""
    info = paths.train.stat()
    first = _first_row(paths.train)
    found = recognise(first)
    form = found.form if found else None
    original = paths.find_original() or paths.train
    return Dataset(
        paths=paths,
        format=form.name if form else "unknown",
        rows=_count(paths.train),
        validation_rows=_count(paths.validation),
        bytes=original.stat().st_size,
        columns=tuple(str(name) for name in first),
        mapping=dict(form.mapping) if form else {},
        created_at=datetime.fromtimestamp(info.st_mtime, UTC),
        is_converted=_is_made_by_us(first),
        problem=problem or ("" if form else "its rows have none of the known columns"),
    )


def _is_made_by_us(row: dict[str, Any]) -> bool:
    """Whether the row is one that `convert` could have made."""
    if "label" in row:
        return holds_turns(row.get("completion"))
    if "chosen" in row:
        return all(holds_turns(row.get(name)) for name in ("messages", "chosen", "rejected"))
    messages = row.get("messages")
    is_chat = holds_turns(messages) and all("role" in turn for turn in row["messages"])
    return is_chat or isinstance(row.get("text"), str)


KEPT = (
    "format",
    "kind",
    "rows",
    "validation_rows",
    "bytes",
    "sha256",
    "system_prompt",
    "file_name",
    "version_of",
    "validation",
    "seed",
)
"""What stands in the card as it is."""


def _to_record(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        **{name: getattr(dataset, name) for name in KEPT},
        "columns": list(dataset.columns),
        "mapping": dict(dataset.mapping),
        "created_at": to_text(dataset.created_at),
        "report": dataset.report.to_record(),
    }


def _from_record(paths: DatasetPaths, record: dict[str, Any]) -> Dataset:
    return Dataset(
        paths=paths,
        format=str(record["format"]),
        rows=int(record["rows"]),
        validation_rows=int(record.get("validation_rows", 0)),
        bytes=int(record.get("bytes", 0)),
        columns=tuple(map(str, record.get("columns") or ())),
        mapping=dict(record.get("mapping") or {}),
        sha256=str(record.get("sha256", "")),
        created_at=from_text(str(record["created_at"])),
        system_prompt=str(record.get("system_prompt") or ""),
        file_name=str(record.get("file_name") or ""),
        version_of=str(record.get("version_of") or ""),
        validation=float(record.get("validation") or 0),
        seed=int(record.get("seed", 42)),
        report=to_report(record.get("report") or {}),
    )


def _first_row(path: Path) -> dict[str, Any]:
    """The first row; empty when it cannot be read."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        rows = parse_json_lines([file.readline(MAX_FIRST_LINE)])
    return rows[0] if rows else {}


def _count(path: Path) -> int:
    try:
        info = path.stat()
    except FileNotFoundError:
        return 0
    return _count_lines(path, info.st_mtime_ns, info.st_size)


@lru_cache(maxsize=256)
def _count_lines(path: Path, mtime_ns: int, size: int) -> int:
    """The lines with anything on them; read again only when the file has changed."""
    rows, is_counted = 0, False
    with path.open("rb") as file:
        # In pieces: a folder copied in by hand may hold a single line of gigabytes.
        while piece := file.readline(PIECE_BYTES):
            if not is_counted and piece.strip():
                rows, is_counted = rows + 1, True
            if piece.endswith(b"\n"):
                is_counted = False
    return rows
