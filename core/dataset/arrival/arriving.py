"""What can be done with arrivals: begin one, ask for its fetch or import, cancel, discard."""

import contextlib
import secrets
import shutil
import time
from collections.abc import Mapping
from typing import Any

from core.clock import now, now_text, to_text
from core.dataset.arrival.arrival import (
    AT_WORK,
    UNDER_WAY,
    Arrival,
    Source,
    State,
    find_arrival,
    load_arrival,
)
from core.dataset.arrival.local_file import find_source
from core.dataset.format import show
from core.dataset.read.reading import kind_of
from core.errors import DatasetError
from core.files import ring, sync_folder, write_whole
from core.paths import ArrivalPaths, Workspace
from core.safe_yaml import dump_yaml
from core.settings import Settings
from core.spec.sources import HUB_ID, READERS

GIB = 1024**3
ABANDONED_S = 24 * 3600
ENDED_KEPT_S = 24 * 3600
MAX_NAME = 200
MAX_PART_NAME = 100
NOT_ON_HUB = frozenset({*READERS, "xml", "webdataset", "imagefolder", "audiofolder", "videofolder"})
"""What the loading code takes for a reader of files instead of a name."""

ROOM_PER_BYTE = 2
"""An import needs room for the rows beside the original."""


def create_upload(
    workspace: Workspace, settings: Settings, file_name: str, total_bytes: int
) -> Arrival:
    """Make an arrival for a file that a browser is about to send.

    Raises DatasetError when its kind cannot be read or the disk has no room for it.
    """
    name = base_name(file_name)
    kind_of(name)
    if total_bytes <= 0:
        raise DatasetError(f"{show(name)}: the file is empty. Choose one with rows in it.")
    check_room(workspace, settings, total_bytes)
    return _create(workspace, {"source": "upload", "file_name": name, "bytes": total_bytes})


def create_local(workspace: Workspace, settings: Settings, text: str) -> Arrival:
    """Make an arrival of a file, or a folder of .txt files, that lies on this machine.

    Raises DatasetError unless it may be read.
    """
    path = find_source(workspace, settings, text)
    source = Source.FOLDER if path.is_dir() else Source.PATH
    return _create(
        workspace, {"source": str(source), "file_name": show(path.name), "place": str(path)}
    )


def create_hub(
    workspace: Workspace, settings: Settings, dataset_id: str, config: str = "", split: str = ""
) -> Arrival:
    """Make an arrival of a dataset on the Hub, and ask for its fetch.

    Raises DatasetError when the words can name none, or the Hub may not be asked.
    """
    dataset_id, config, split = dataset_id.strip(), config.strip(), split.strip()
    if not settings.hub_allowed:
        raise DatasetError(
            "configs/settings.yaml says `hub: offline`, so nothing is fetched. Upload a file, or "
            "set `hub: auto`."
        )
    check_hub_words(dataset_id, config, split)
    card = {"source": "hub", "file_name": dataset_id, "place": dataset_id}
    card |= {"config": config, "split": split}
    arrival = _create(workspace, card, fetch={"id": dataset_id, "config": config, "split": split})
    ring(workspace.wake)
    return arrival


def check_hub_words(dataset_id: str, config: str, split: str) -> None:
    """Raise DatasetError unless these can name a dataset on the Hub, its config and its split."""
    names_reader = dataset_id in NOT_ON_HUB or dataset_id.startswith("buckets/")
    if names_reader or not HUB_ID.fullmatch(dataset_id):
        raise DatasetError(
            f"{show(dataset_id)!r} is no dataset of the Hub. Write its id, such as `org/name`."
        )
    for what, text in (("config", config), ("split", split)):
        if len(text) > MAX_PART_NAME or not text.isprintable():
            raise DatasetError(f"{show(text)!r} is no name of a {what}.")
    if "[" in split or "+" in split:
        raise DatasetError(f"{show(split)!r}: name one whole split, such as `train`.")


def request_import(workspace: Workspace, arrival_id: str, choices: Mapping[str, Any]) -> None:
    """Ask the daemon to make a dataset of the arrival.

    Raises DatasetError when it has not arrived, or something is done with it already.
    """
    arrival = require_arrival(workspace, arrival_id)
    if not arrival.has_data:
        raise DatasetError(f"{arrival.file_name} has not arrived yet.")
    if arrival.state in UNDER_WAY or arrival.state is State.DONE:
        raise DatasetError(f"{arrival.file_name} is {arrival.state} already.")
    text = dump_yaml(dict(choices))
    _forget_last_try(arrival.paths)
    write_whole(arrival.paths.import_request, text)
    ring(workspace.wake)


def request_fetch(workspace: Workspace, arrival_id: str) -> None:
    """Ask the daemon to try the fetch once more. Raises DatasetError when there is nothing to."""
    arrival = require_arrival(workspace, arrival_id)
    if arrival.source is not Source.HUB or arrival.has_data or arrival.state in UNDER_WAY:
        raise DatasetError(f"{arrival.file_name} is {arrival.state}: there is nothing to fetch.")
    _forget_last_try(arrival.paths)
    wish = {"id": arrival.place, "config": arrival.config, "split": arrival.split}
    write_whole(arrival.paths.fetch_request, dump_yaml(wish))
    ring(workspace.wake)


def cancel(workspace: Workspace, arrival_id: str) -> None:
    """Ask for the end of the fetch or import. Nothing to cancel is no error."""
    arrival = find_arrival(workspace, arrival_id)
    if arrival and arrival.state in UNDER_WAY:
        arrival.paths.cancel.touch()
        ring(workspace.wake)


def discard(workspace: Workspace, arrival_id: str) -> None:
    """Remove the arrival; a file of this machine stays where it is.

    Raises DatasetError while a process works on it.
    """
    arrival = find_arrival(workspace, arrival_id)
    if arrival is None:
        return
    if arrival.state in AT_WORK:
        raise DatasetError(f"{arrival.file_name} is {arrival.state}. Cancel that first.")
    _remove(arrival.paths)


def finish(paths: ArrivalPaths, sha256: str) -> Arrival:
    """Take the part for the whole original, now that all of it has come."""
    arrival = load_arrival(paths)
    is_upload = arrival.source is Source.UPLOAD
    kind, compression = kind_of(arrival.file_name) if is_upload else ("jsonl", "")
    card = {
        "source": str(arrival.source),
        "file_name": arrival.file_name,
        "place": arrival.place,
        "config": arrival.config,
        "split": arrival.split,
        "bytes": paths.part.stat().st_size,
        "sha256": sha256,
        "at": to_text(arrival.at),
    }
    # The sum first: with the original the arrival is ready, and read by others.
    write_whole(paths.card, dump_yaml(card))
    extension = f"{kind}.{compression}" if compression else kind
    paths.part.rename(paths.original(extension))
    sync_folder(paths.folder)
    return load_arrival(paths)


def require_arrival(workspace: Workspace, arrival_id: str) -> Arrival:
    """The arrival with this id. Raises DatasetError when there is none."""
    arrival = find_arrival(workspace, arrival_id)
    if arrival is None:
        raise DatasetError("What was to be imported is gone. Choose it once more.")
    return arrival


def sweep(workspace: Workspace, at_s: float | None = None) -> None:
    """Remove uploads that nobody goes on with, and what is left of datasets that are made.

    What failed stays until somebody discards it.
    """
    at_s = time.time() if at_s is None else at_s
    for paths in workspace.arrival_folders():
        arrival = find_arrival(workspace, paths.arrival_id)
        # It may be going at this moment, by another hand.
        with contextlib.suppress(OSError):
            if arrival and _is_abandoned(arrival, at_s):
                _remove(paths)
    for path in workspace.arriving.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if at_s - path.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(path, ignore_errors=True)


def _is_abandoned(arrival: Arrival, at_s: float) -> bool:
    paths = arrival.paths
    if arrival.state is State.RECEIVING:
        written = paths.part if paths.part.exists() else paths.card
        return at_s - written.stat().st_mtime > ABANDONED_S
    if arrival.state is State.DONE:
        return at_s - paths.outcome.stat().st_mtime > ENDED_KEPT_S
    return False


def check_room(workspace: Workspace, settings: Settings, need_bytes: int) -> None:
    """Raise DatasetError unless the disk has so much room beyond what is to stay free."""
    kept = settings.min_free_disk_gib * GIB
    free = shutil.disk_usage(workspace.root).free
    if free < need_bytes + kept:
        raise DatasetError(
            f"The disk has {free / GIB:.1f} GiB free. This needs {need_bytes / GIB:.1f} GiB beside "
            f"the {settings.min_free_disk_gib:g} GiB that stay free (`min_free_disk_gib`). Make "
            "room, and try again."
        )


def base_name(file_name: str) -> str:
    """The last part of a file's name, as text that can be shown; it is used for nothing else."""
    last = file_name.replace("\\", "/").rpartition("/")[2].strip()
    return "".join(letter if letter.isprintable() else "�" for letter in last)[-MAX_NAME:]


def _create(
    workspace: Workspace, card: Mapping[str, Any], fetch: Mapping[str, Any] | None = None
) -> Arrival:
    """Make the folder, whole or not at all."""
    workspace.arriving.mkdir(parents=True, exist_ok=True)
    sweep(workspace)
    paths = workspace.arrival(f"{now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}")
    aside = ArrivalPaths(workspace.arriving / f".{paths.arrival_id}.tmp")
    aside.folder.mkdir()
    write_whole(aside.card, dump_yaml({**card, "at": now_text()}))
    if fetch:
        write_whole(aside.fetch_request, dump_yaml(dict(fetch)))
    aside.folder.rename(paths.folder)
    sync_folder(workspace.arriving)
    return load_arrival(paths)


def _forget_last_try(paths: ArrivalPaths) -> None:
    """Before the new wish is written down: nobody takes the old end for its own."""
    paths.cancel.unlink(missing_ok=True)
    paths.progress.unlink(missing_ok=True)
    paths.outcome.unlink(missing_ok=True)


def _remove(paths: ArrivalPaths) -> None:
    # First out of sight, in one step: half an arrival is never seen.
    hidden = paths.folder.with_name(f".{paths.arrival_id}.tmp")
    with contextlib.suppress(FileNotFoundError):
        paths.folder.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)
