"""python -P -m trainer.dataset_import --arrival FOLDER

Makes a dataset of an arrival, as `import.yaml` in its folder says.
"""

import argparse
import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from core.dataset.arrival.arrival import Arrival, load_arrival
from core.dataset.arrival.arrival import Source as From
from core.dataset.arrival.arriving import ROOM_PER_BYTE, check_room, require_arrival
from core.dataset.arrival.folder import FolderReading, total_bytes
from core.dataset.arrival.local_file import find_file, find_source
from core.dataset.arrival.outcome import Outcome
from core.dataset.card import Dataset, find_dataset
from core.dataset.format import BadRow
from core.dataset.json_line import to_line
from core.dataset.making.choices import Choices, to_choices
from core.dataset.making.importing import import_dataset
from core.dataset.making.watch import Watch
from core.dataset.making.write_rows import Source
from core.dataset.read.record import Record
from core.errors import DatasetError, SpecError
from core.files import read_untrusted, stamp
from core.paths import ArrivalPaths, Workspace, find_workspace
from core.run.store import slug
from core.safe_yaml import load_yaml_mapping
from core.settings import Settings, load_settings
from trainer.arriving import NICENESS, Teller, work

GATHERING = "gathering"
MAX_REQUEST_BYTES = 256 * 1024
TELL_EVERY_RECORDS = 256
CHECK_ROOM_EVERY_S = 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Import the arrival and write the outcome; a failure is an outcome too."""
    parser = argparse.ArgumentParser(prog="trainer.dataset_import", description=__doc__)
    parser.add_argument("--arrival", required=True, type=Path)
    options = parser.parse_args(arguments)
    workspace = find_workspace()
    work(options.arrival, lambda paths, teller: import_arrival(workspace, paths, teller))


def import_arrival(workspace: Workspace, paths: ArrivalPaths, teller: Teller) -> Outcome:
    """Make the dataset. Raises DatasetError saying why there is none."""
    teller.tell("starting")
    arrival, choices = load_arrival(paths), read_choices(paths)
    made = find_made(workspace, arrival, choices)
    if made is None:
        made = _make(workspace, load_settings(workspace.settings), arrival, choices, teller)
    return Outcome(True, dataset=made.name, bad_rows=made.report.bad_rows, bad=made.report.bad)


def read_choices(paths: ArrivalPaths) -> Choices:
    """The choices in the request. Raises DatasetError when it is no honest one."""
    try:
        return to_choices(
            load_yaml_mapping(read_untrusted(paths.import_request, MAX_REQUEST_BYTES))
        )
    except SpecError as error:
        raise DatasetError(f"import.yaml: {error}") from error


def find_made(workspace: Workspace, arrival: Arrival, choices: Choices) -> Dataset | None:
    """The dataset that an earlier try made, cut off before it could say so; None before one."""
    asked_at = arrival.paths.import_request.stat().st_mtime
    for folder in workspace.uploads.glob("[!.]*"):
        # Zeros for a link to nowhere, and for what was deleted meanwhile.
        if stamp(folder)[0] / 1e9 < asked_at:
            continue
        dataset = find_dataset(workspace, folder.name)
        if dataset and _is_made_of(dataset, arrival, choices, asked_at):
            return dataset
    return None


def _is_made_of(dataset: Dataset, arrival: Arrival, choices: Choices, asked_at: float) -> bool:
    version = bool(choices.version_of) and dataset.version_of == choices.version_of
    return (
        (version or dataset.name == slug(choices.name))
        and dataset.created_at.timestamp() >= asked_at
        and dataset.file_name == file_name_of(arrival)
        and arrival.sha256 in ("", dataset.sha256)
    )


def _make(
    workspace: Workspace, settings: Settings, arrival: Arrival, choices: Choices, teller: Teller
) -> Dataset:
    source = open_source(workspace, settings, arrival, teller)
    validation = None
    if choices.validation_arrival:
        held = require_arrival(workspace, choices.validation_arrival)
        validation = open_source(workspace, settings, held, teller)
    sources = [source, validation] if validation else [source]
    size = sum(one.path.stat().st_size for one in sources)
    check_room(workspace, settings, ROOM_PER_BYTE * size)
    watch = _watch_room(workspace, settings, teller)
    return import_dataset(workspace, source, choices, arrival.paths.dataset, watch, validation)


def _watch_room(workspace: Workspace, settings: Settings, teller: Teller) -> Watch:
    """Tells how far it is, and ends an import whose rows take more of the disk than was thought."""
    check_at = float("-inf")

    def watch(stage: str, done: int, total: int, rows: int, bad_rows: int) -> None:
        nonlocal check_at
        at = time.monotonic()
        if at >= check_at:
            check_at = at + CHECK_ROOM_EVERY_S
            check_room(workspace, settings, 0)
        teller.tell(stage, done, total, rows, bad_rows)

    return watch


def open_source(
    workspace: Workspace, settings: Settings, arrival: Arrival, teller: Teller
) -> Source:
    """The file to import. A place on this machine is judged anew: it may have changed since.

    Raises DatasetError when it may not be read, or has not arrived.
    """
    name = file_name_of(arrival)
    if arrival.source is From.PATH:
        return Source(find_file(workspace, settings, arrival.place), name)
    if arrival.source is From.FOLDER:
        folder = find_source(workspace, settings, arrival.place)
        check_room(workspace, settings, (ROOM_PER_BYTE + 1) * total_bytes(folder))
        target = arrival.paths.original("jsonl")
        return Source(target, name, gather(folder, target, teller), is_ours=True)
    return Source(arrival.path, name, arrival.sha256, is_ours=True)


def file_name_of(arrival: Arrival) -> str:
    """What the original is called in the dataset's card; it ends in what it is read as."""
    if arrival.source is From.UPLOAD:
        return arrival.file_name
    if arrival.source is From.PATH:
        return Path(arrival.place).name
    words = [arrival.file_name, arrival.config, arrival.split]
    return "-".join(word.replace("/", "-") for word in words if word) + ".jsonl"


def gather(folder: Path, target: Path, teller: Teller) -> str:
    """Write the paragraphs of a folder's documents into one file; returns its SHA-256.

    A document that is no text becomes a row that says so, and can be reported as a bad one.
    """
    digest, part = hashlib.sha256(), target.with_name("part")
    with FolderReading(folder) as reading, part.open("wb") as file:
        for number, record in enumerate(reading.records()):
            if number % TELL_EVERY_RECORDS == 0:
                teller.tell(GATHERING, reading.bytes_done, reading.total_bytes, number)
            line = to_line(record.value if isinstance(record, Record) else _tell_problem(record))
            digest.update(line)
            file.write(line)
    # An earlier try's file may be a dataset's original by now, and is left alone.
    part.rename(target)
    return digest.hexdigest()


def _tell_problem(row: BadRow) -> dict[str, object]:
    return {"problem": row.reason, "line": row.line, "beginning": row.content}


if __name__ == "__main__":
    os.nice(NICENESS)
    main()
