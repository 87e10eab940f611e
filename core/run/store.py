"""The one door through which pages and people's tools see runs, and say what they wish."""

import contextlib
import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from core.clock import now_text
from core.errors import RecordError, SpecError
from core.files import load_json, ring, write_whole
from core.paths import RUN_ID, RunPaths, Workspace
from core.run.phase import Phase, Verb
from core.run.status import RunStatus, from_record
from core.safe_yaml import dump_yaml
from core.spec.run_spec import FILE_NAME

_SUBMITTING = threading.Lock()

FINAL = "final"
"""The weights that a completed run ends with, beside its `checkpoint-<step>`s."""


@dataclass(frozen=True)
class Run:
    """A run as it stands on disk."""

    paths: RunPaths
    status: RunStatus

    @property
    def run_id(self) -> str:
        return self.status.run_id

    @property
    def imported_from(self) -> Path | None:
        """The output folder elsewhere that an imported run shows; None for any other run."""
        try:
            return self.paths.output.readlink()
        except OSError:
            return None

    def checkpoints(self) -> list[int]:
        """The steps of the complete checkpoints, oldest first.

        A checkpoint is complete when it has `trainer_state.json`, which is written last.
        """
        steps = [
            int(folder.name.removeprefix("checkpoint-"))
            for folder in self.paths.output.glob("checkpoint-*")
            if folder.name.removeprefix("checkpoint-").isdigit()
            and (folder / "trainer_state.json").is_file()
        ]
        return sorted(steps)

    def newest_part(self) -> str | None:
        """`final`, or else the newest `checkpoint-<step>`; None when nothing was saved."""
        if self.has_final():
            return FINAL
        steps = self.checkpoints()
        return self.paths.checkpoint(steps[-1]).name if steps else None

    def has_final(self) -> bool:
        """Whether it left final weights. Of a run of ours the daemon made sure of that."""
        if self.status.phase is not Phase.COMPLETED:
            return False
        return self.imported_from is None or _holds_weights(self.paths.output)


@dataclass(frozen=True)
class Rejected:
    """A spec that could not run, and why."""

    path: Path
    reason: str

    @property
    def name(self) -> str:
        return self.path.name


class Store:
    """Reads every record of a workspace; writes specs into the queue and requests to runs."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def runs(self) -> list[Run]:
        """Every readable run, the newest first."""
        found = [self.find_run(paths.run_id) for paths in self.workspace.run_folders()]
        return sorted((run for run in found if run), key=lambda run: run.run_id, reverse=True)

    def find_run(self, run_id: str) -> Run | None:
        """The run, or None when there is none or its record cannot be read."""
        if not RUN_ID.fullmatch(run_id):
            return None
        paths = self.workspace.run(run_id)
        try:
            return Run(paths, from_record(load_json(paths.status)))
        except (OSError, RecordError):
            return None

    def runs_in(self, *phases: Phase) -> list[Run]:
        """The runs in one of the phases, the newest first."""
        return [run for run in self.runs() if run.status.phase in phases]

    def queue(self) -> list[Run]:
        """The waiting runs, in the order in which they will start."""
        return sorted(self.runs_in(Phase.QUEUED), key=lambda run: run.status.position)

    def dropped(self) -> list[Path]:
        """Specs in the queue folder that the daemon has not taken yet."""
        return sorted(
            path for path in self.workspace.queue.glob("*") if FILE_NAME.fullmatch(path.name)
        )

    def rejected(self) -> list[Rejected]:
        """Specs that could not run, the newest first."""
        paths = [
            path for path in self.workspace.rejected.glob("*") if FILE_NAME.fullmatch(path.name)
        ]
        paths.sort(key=_changed_at, reverse=True)
        return [Rejected(path, _read(reason_path(path))) for path in paths]

    def dismiss(self, rejected: Rejected) -> None:
        """Put a rejected spec and its reason out of sight, into `runs/rejected/.dismissed/`."""
        folder = self.workspace.rejected / ".dismissed"
        folder.mkdir(exist_ok=True)
        target = free_pair(folder / rejected.path.name)
        # Another page may have been quicker.
        with contextlib.suppress(FileNotFoundError):
            rejected.path.rename(target)
            reason_path(rejected.path).rename(reason_path(target))

    def submit(self, name: str, text: str) -> Path:
        """Drop a spec into the queue as `<name>.yaml`; a number is added if the name is taken."""
        stem = slug(name)
        if not stem:
            raise SpecError("The name of a run needs a letter or a digit.")
        self.workspace.queue.mkdir(parents=True, exist_ok=True)
        # Pages are threads of one process; two must not find the same name free.
        with _SUBMITTING:
            path = free_pair(self.workspace.queue / f"{stem}.yaml")
            write_whole(path, text)
        return path

    def request(self, run_id: str, verb: Verb, by: str = "", to: int | None = None) -> Path:
        """Ask the daemon to do something to a run; `to` is the place, from 1, of a move."""
        folder = self.workspace.run(run_id).requests
        folder.mkdir(exist_ok=True)
        path = folder / f"{time.time_ns()}-{verb}.yaml"
        wish = {"verb": verb.value, "by": by, "at": now_text()} | ({"to": to} if to else {})
        write_whole(path, dump_yaml(wish))
        self._wake_daemon()
        return path

    def _wake_daemon(self) -> None:
        """A sign in the folder that the daemon watches; without it the daemon looks a bit later."""
        ring(self.workspace.wake)

    def requested(self, run_id: str) -> list[Verb]:
        """What has been asked of a run and not been answered yet, the oldest first."""
        try:
            with os.scandir(self.workspace.run(run_id).requests) as entries:
                files = [entry.name for entry in entries]
        except OSError:
            return []
        names = sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))
        words = [name.partition("-")[2] for name in names]
        return [Verb(word) for word in words if word in set(Verb)]


def reason_path(rejected: Path) -> Path:
    """Where it stands why a spec was rejected: `x.reason.txt` beside `x.yaml`."""
    return rejected.with_suffix(".reason.txt")


def free_pair(path: Path) -> Path:
    """The path, with a number in its name if it, or the reason beside it, is taken."""
    # A link that points nowhere is there as well.
    candidate, number = path, 2
    while os.path.lexists(candidate) or os.path.lexists(reason_path(candidate)):
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return candidate


def slug(name: str) -> str:
    """The name as it may stand in a file name: lower case, digits, dots and dashes."""
    return re.sub(r"[^a-z0-9._]+", "-", name.lower()).strip("-._")[:48]


def _holds_weights(folder: Path) -> bool:
    """Whether an adapter or a model that a chat can load lies in the folder itself."""
    if (folder / "adapter_config.json").is_file():
        return (folder / "adapter_model.safetensors").is_file()
    return any(folder.glob("model*.safetensors"))


def _changed_at(path: Path) -> float:
    """When the file itself was changed, not what it points to; 0 when it has just gone."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
