"""A dataset as pages see it, and `dataset.yaml`, where that is written down."""

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.clock import from_text, to_text
from core.dataset.format import BadRow, recognise
from core.errors import DatasetError, SpecError
from core.files import parse_json_lines, write_whole
from core.paths import DatasetPaths, Workspace
from core.safe_yaml import dump_yaml, load_yaml_mapping

MAX_FIRST_LINE = 16 * 1024 * 1024


@dataclass(frozen=True)
class Report:
    """What was seen while the rows were read; lengths are per row."""

    bad_rows: int = 0
    bad: tuple[BadRow, ...] = ()
    encoding: str = "utf-8"
    median_characters: int = 0
    longest_characters: int = 0
    longest_bytes: int = 0
    total_characters: int = 0


@dataclass(frozen=True)
class Dataset:
    """A dataset of the workspace. `format` is how the original was written.

    `is_converted` tells that `train.jsonl` holds `messages` or `text` whatever the format was.
    `problem` is a sentence on what is wrong with it.
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
    report: Report = Report()
    is_converted: bool = True
    problem: str = ""

    @property
    def name(self) -> str:
        return self.paths.name

    @property
    def kind(self) -> str:
        """`chat` or `completion`: what is learned from the rows."""
        return "completion" if self.format == "text" else "chat"

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
    if dataset.format not in ("messages", "text"):
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
    form = recognise(first)
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
        is_converted=False,
        problem=problem or ("" if form else "its rows have none of the known columns"),
    )


def _to_record(dataset: Dataset) -> dict[str, Any]:
    report = asdict(dataset.report)
    report["bad"] = list(report["bad"])
    return {
        "name": dataset.name,
        "format": dataset.format,
        "kind": dataset.kind,
        "rows": dataset.rows,
        "validation_rows": dataset.validation_rows,
        "bytes": dataset.bytes,
        "columns": list(dataset.columns),
        "mapping": dict(dataset.mapping),
        "sha256": dataset.sha256,
        "created_at": to_text(dataset.created_at),
        "system_prompt": dataset.system_prompt,
        "report": report,
    }


def _from_record(paths: DatasetPaths, record: dict[str, Any]) -> Dataset:
    report = record.get("report") or {}
    known = {name: report[name] for name in Report.__dataclass_fields__ if name in report}
    known["bad"] = tuple(BadRow(**row) for row in known.get("bad") or ())
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
        report=Report(**known),
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
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())
