"""An arrival: a source of a dataset on its way into `uploads`, and how far it is.

It is a folder in `uploads/.arriving`. Nothing but its files tells its state, so that the app and
the daemon may be restarted at any moment.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.clock import from_text
from core.dataset.arrival import outcome as outcomes
from core.dataset.arrival import progress as progresses
from core.dataset.arrival.outcome import Outcome
from core.dataset.arrival.progress import Progress
from core.errors import DatasetError, RecordError, SpecError
from core.files import file_size, load_json, read_untrusted
from core.paths import ARRIVAL_ID, ArrivalPaths, Workspace
from core.run.store import slug
from core.safe_yaml import load_yaml_mapping

MAX_CARD_BYTES = 64 * 1024
EXTENSIONS = re.compile(r"\.[a-z]+(\.(gz|zst))?$", re.IGNORECASE)


class Cancelled(Exception):
    """A person wished the end of what is being done; no failure."""


class Source(StrEnum):
    """Where the content of an arrival comes from."""

    UPLOAD = "upload"
    PATH = "path"
    FOLDER = "folder"
    HUB = "hub"


class State(StrEnum):
    """Where an arrival is. A request that has begun is one that its process took up."""

    RECEIVING = "receiving"
    WAITING_TO_FETCH = "waiting to fetch"
    FETCHING = "fetching"
    READY = "ready"
    WAITING = "waiting"
    IMPORTING = "importing"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DONE = "done"


AT_WORK = frozenset({State.FETCHING, State.IMPORTING})
"""States in which a process works on the folder."""

UNDER_WAY = AT_WORK | {State.WAITING_TO_FETCH, State.WAITING}
"""States in which something was asked for that can be cancelled."""

ENDED = frozenset({State.FAILED, State.CANCELLED, State.DONE})


@dataclass(frozen=True)
class Seen:
    """Everything that the state depends on: which files of the arrival are there."""

    has_data: bool = False
    is_fetch_wanted: bool = False
    is_import_wanted: bool = False
    has_begun: bool = False
    outcome: Outcome | None = None


def state_of(source: Source, seen: Seen) -> State:
    """Where an arrival with these files is. Reads nothing."""
    if seen.outcome:
        return _state_at_end(seen.outcome)
    if seen.is_import_wanted:
        return State.IMPORTING if seen.has_begun else State.WAITING
    if seen.has_data:
        return State.READY
    if source is not Source.HUB:
        return State.RECEIVING
    if seen.is_fetch_wanted:
        return State.FETCHING if seen.has_begun else State.WAITING_TO_FETCH
    # The wish to fetch it again was cut off before it was written down.
    return State.CANCELLED


def _state_at_end(outcome: Outcome) -> State:
    if outcome.ok:
        return State.DONE
    return State.CANCELLED if outcome.is_cancelled else State.FAILED


@dataclass(frozen=True)
class Arrival:
    """An arrival as it was when it was read.

    `file_name` is what people know it by. `place` is the path of a file or folder that stays where
    it is, or the id of a dataset on the Hub. `total_bytes` and `sha256` are known of uploads.
    """

    paths: ArrivalPaths
    source: Source
    file_name: str
    at: datetime
    place: str = ""
    config: str = ""
    split: str = ""
    total_bytes: int = 0
    sha256: str = ""
    state: State = State.RECEIVING
    progress: Progress | None = None
    outcome: Outcome | None = None
    is_cancel_wanted: bool = False
    original: Path | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        return self.paths.arrival_id

    @property
    def has_data(self) -> bool:
        """Whether there is something to recognise and to import."""
        return self.source in (Source.PATH, Source.FOLDER) or self.original is not None

    @property
    def path(self) -> Path:
        """Where the data lies; its name tells how it is to be read.

        Raises DatasetError while it has not arrived.
        """
        if self.source in (Source.PATH, Source.FOLDER):
            return Path(self.place)
        if self.original is None:
            raise DatasetError(f"{self.file_name} has not arrived yet.")
        return self.original

    @property
    def received_bytes(self) -> int:
        """How much of an upload or a fetch has come so far."""
        return file_size(self.original or self.paths.part)

    @property
    def suggested_name(self) -> str:
        """What its dataset could be called; may be taken, or empty."""
        last = self.file_name.rpartition("/")[2]
        return slug(last if self.source is Source.HUB else EXTENSIONS.sub("", last))


def load_arrival(paths: ArrivalPaths) -> Arrival:
    """The arrival in the folder. Raises RecordError when there is none, or no readable one."""
    try:
        card = load_yaml_mapping(read_untrusted(paths.card, MAX_CARD_BYTES))
        source = Source(str(card["source"]))
        at = from_text(str(card["at"]))
        total_bytes = int(card.get("bytes", 0))
    except (SpecError, KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{paths.card} cannot be read: {error}") from error
    original = paths.find_original()
    progress, outcome = load_progress(paths), load_outcome(paths)
    local = source in (Source.PATH, Source.FOLDER)
    seen = Seen(
        has_data=local or original is not None,
        is_fetch_wanted=paths.fetch_request.exists(),
        is_import_wanted=paths.import_request.exists(),
        has_begun=progress is not None,
        outcome=outcome,
    )
    return Arrival(
        paths=paths,
        source=source,
        at=at,
        total_bytes=total_bytes,
        **_texts(card),
        state=state_of(source, seen),
        progress=progress,
        outcome=outcome,
        is_cancel_wanted=paths.cancel.exists(),
        original=original,
    )


def _texts(card: dict[str, Any]) -> dict[str, str]:
    names = ("file_name", "place", "config", "split", "sha256")
    return {name: str(card.get(name) or "") for name in names}


def load_progress(paths: ArrivalPaths) -> Progress | None:
    """How far it is; None before it has begun."""
    try:
        return progresses.from_record(load_json(paths.progress))
    except (OSError, RecordError, KeyError, TypeError, ValueError):
        return None


def load_outcome(paths: ArrivalPaths) -> Outcome | None:
    """How it ended; None before it has."""
    try:
        return outcomes.from_record(load_json(paths.outcome))
    except FileNotFoundError:
        return None
    except (OSError, RecordError, KeyError, TypeError, ValueError) as error:
        return outcomes.failed(f"{paths.outcome.name} cannot be read: {error}")


def find_arrival(workspace: Workspace, arrival_id: str) -> Arrival | None:
    """The arrival with this id; None when there is none."""
    if not ARRIVAL_ID.fullmatch(arrival_id):
        return None
    paths = workspace.arrival(arrival_id)
    try:
        return None if paths.folder.is_symlink() else load_arrival(paths)
    except (OSError, RecordError):
        return None


def list_arrivals(workspace: Workspace) -> list[Arrival]:
    """Every arrival that can be read, the oldest first."""
    found = [find_arrival(workspace, paths.arrival_id) for paths in workspace.arrival_folders()]
    return [arrival for arrival in found if arrival]
