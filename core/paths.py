"""Where every file lies. Each name is spelled here and nowhere else."""

import os
import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import date
from pathlib import Path

WORKSPACE_VARIABLE = "LLM_TRAINER_WORKSPACE"
RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[a-z0-9][a-z0-9._-]{0,63}")
"""What the folder of a run is called: when it was taken (UTC), and what it is."""

ARRIVAL_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")
"""What the folder of an arrival is called: when it began (UTC), and something random."""

CODE_ROOT = Path(__file__).resolve().parent.parent


def find_workspace() -> "Workspace":
    """The workspace named by `LLM_TRAINER_WORKSPACE`, else the folder that holds the code."""
    return Workspace(Path(os.environ.get(WORKSPACE_VARIABLE) or CODE_ROOT).resolve())


@dataclass(frozen=True)
class Workspace:
    """The root that holds runs, uploads, configs and models."""

    root: Path

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def queue(self) -> Path:
        return self.runs / "queue"

    @property
    def wake(self) -> Path:
        """Touched to make the daemon look for requests at once."""
        return self.queue / ".wake"

    @property
    def rejected(self) -> Path:
        return self.runs / "rejected"

    @property
    def prepared(self) -> Path:
        return self.runs / ".prepared"

    @property
    def preparing(self) -> Path:
        """Where the data of waiting runs is prepared ahead; the data itself goes to `prepared`."""
        return self.runs / ".preparing"

    @property
    def compiled(self) -> Path:
        """Machine code that libraries compiled once and keep."""
        return self.runs / ".compiled"

    @property
    def standby(self) -> Path:
        """Where the daemon's door is, and what standbys print."""
        return self.runs / ".standby"

    @property
    def sandbox(self) -> "SandboxPaths":
        return SandboxPaths(self.runs / ".sandbox")

    @property
    def model_checks(self) -> Path:
        return self.runs / ".model_checks"

    @property
    def audits(self) -> Path:
        return self.runs / ".audits"

    @property
    def heartbeat(self) -> Path:
        return self.runs / "daemon.json"

    @property
    def daemon_lock(self) -> Path:
        return self.runs / ".daemon.lock"

    @property
    def daemon_log(self) -> Path:
        return self.runs / "daemon.log"

    @property
    def gpu(self) -> Path:
        return self.runs / "gpu"

    def gpu_day(self, day: date) -> Path:
        return self.gpu / f"{day.isoformat()}.csv"

    def gpu_minutes_day(self, day: date) -> Path:
        """The GPUs of a day, minute by minute."""
        return self.gpu / "minutes" / f"{day.isoformat()}.csv"

    @property
    def machine(self) -> Path:
        """What the processors and the memory of this machine did, minute by minute."""
        return self.runs / "machine"

    def machine_day(self, day: date) -> Path:
        return self.machine / f"{day.isoformat()}.csv"

    @property
    def importing(self) -> Path:
        """Where folders of imported runs are built, until they are renamed to what they are."""
        return self.runs / ".importing"

    @property
    def notices(self) -> Path:
        """What people are to be told elsewhere, and what became of it."""
        return self.runs / ".notices"

    @property
    def uploads(self) -> Path:
        return self.root / "uploads"

    @property
    def arriving(self) -> Path:
        """Sources of datasets on their way into `uploads`, each in a folder of its own."""
        return self.uploads / ".arriving"

    @property
    def inbox(self) -> Path:
        """Where people put files that are too large for the browser."""
        return self.uploads / "inbox"

    @property
    def configs(self) -> Path:
        return self.root / "configs"

    @property
    def presets(self) -> Path:
        return self.configs / "presets"

    @property
    def catalogue(self) -> Path:
        return self.configs / "models.yaml"

    @property
    def settings(self) -> Path:
        return self.configs / "settings.yaml"

    @property
    def settings_example(self) -> Path:
        return self.configs / "settings.example.yaml"

    @property
    def models(self) -> Path:
        return self.root / "models"

    def environment(self) -> dict[str, str]:
        """What a process of ours needs to be told to work on this workspace."""
        return {WORKSPACE_VARIABLE: str(self.root), "PYTHONPATH": str(CODE_ROOT)}

    def run(self, run_id: str) -> "RunPaths":
        return RunPaths(self.runs / run_id)

    def run_ids(self, known: Container[str] = ()) -> list[str]:
        """The names of the folders of runs, the oldest first. Nothing else is taken for one.

        Those that are `known` are not asked again whether they are folders.
        """
        if not self.runs.is_dir():
            return []
        # A path for each of some thousand names would take longer than all the rest.
        return sorted(
            name
            for name in os.listdir(self.runs)  # noqa: PTH208
            if name in known or (RUN_ID.fullmatch(name) and self.run(name).is_there)
        )

    def run_folders(self) -> list["RunPaths"]:
        """Every folder of a run, the oldest first."""
        return [self.run(name) for name in self.run_ids()]

    def preparation(self, run_id: str) -> "PreparationPaths":
        return PreparationPaths(self.preparing / run_id)

    def dataset(self, name: str) -> "DatasetPaths":
        return DatasetPaths(self.uploads / name)

    def arrival(self, arrival_id: str) -> "ArrivalPaths":
        return ArrivalPaths(self.arriving / arrival_id)

    def arrival_folders(self) -> list["ArrivalPaths"]:
        """Every folder of an arrival, the oldest first. Nothing else there is taken for one."""
        if not self.arriving.is_dir():
            return []
        with os.scandir(self.arriving) as entries:
            names = [
                entry.name
                for entry in entries
                if ARRIVAL_ID.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
            ]
        return [self.arrival(name) for name in sorted(names)]


@dataclass(frozen=True)
class RunPaths:
    """Every file of one run."""

    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether it is a folder of its own, no link to another one."""
        return self.folder.is_dir() and not self.folder.is_symlink()

    @property
    def run_id(self) -> str:
        return self.folder.name

    @property
    def spec(self) -> Path:
        return self.folder / "spec.yaml"

    @property
    def axolotl_config(self) -> Path:
        return self.folder / "axolotl.yaml"

    @property
    def status(self) -> Path:
        return self.folder / "status.json"

    @property
    def events(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def log(self) -> Path:
        return self.folder / "train.log"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.jsonl"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    @property
    def exit(self) -> Path:
        return self.folder / "exit.json"

    @property
    def beat(self) -> Path:
        """The step being trained, as text; changed at every sign of life of the training."""
        return self.folder / ".beat"

    @property
    def lock(self) -> Path:
        return self.folder / ".lock"

    @property
    def output(self) -> Path:
        return self.folder / "output"

    @property
    def requests(self) -> Path:
        return self.folder / "requests"

    @property
    def previews(self) -> Path:
        return self.folder / "previews"

    @property
    def notes(self) -> Path:
        """What people wrote about the run."""
        return self.folder / "notes.yaml"

    def checkpoint(self, step: int) -> Path:
        return self.output / f"checkpoint-{step}"


@dataclass(frozen=True)
class PreparationPaths:
    """Every file of the preparation of a run that waits."""

    folder: Path

    @property
    def axolotl_config(self) -> Path:
        return self.folder / "axolotl.yaml"

    @property
    def record(self) -> Path:
        return self.folder / "prepared.json"

    @property
    def log(self) -> Path:
        return self.folder / "prepare.log"

    @property
    def output(self) -> Path:
        """Where Axolotl may write meanwhile what nobody needs."""
        return self.folder / "output"


@dataclass(frozen=True)
class DatasetPaths:
    """Every file of one dataset."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    def original(self, extension: str) -> Path:
        return self.folder / f"original.{extension}"

    def find_original(self) -> Path | None:
        """The upload as it came; None for a folder that was copied in by hand."""
        return next(iter(sorted(self.folder.glob("original.*"))), None)

    @property
    def card(self) -> Path:
        return self.folder / "dataset.yaml"

    @property
    def train(self) -> Path:
        return self.folder / "train.jsonl"

    @property
    def validation(self) -> Path:
        return self.folder / "validation.jsonl"

    @property
    def bad_rows(self) -> Path:
        """The first rows that were left out, a line of JSON for each."""
        return self.folder / "bad_rows.jsonl"

    @property
    def rows(self) -> Path:
        """Every good row, until some are set aside for validation."""
        return self.folder / "rows.jsonl"


@dataclass(frozen=True)
class ArrivalPaths:
    """Every file of one arrival: a source of a dataset on its way into `uploads`."""

    folder: Path

    @property
    def arrival_id(self) -> str:
        return self.folder.name

    @property
    def card(self) -> Path:
        """Where it comes from."""
        return self.folder / "arrival.yaml"

    @property
    def part(self) -> Path:
        """As much of the original as has come so far."""
        return self.folder / "part"

    def original(self, extension: str) -> Path:
        return self.folder / f"original.{extension}"

    def find_original(self) -> Path | None:
        """The whole original; None before it has come, and where it stays in its place."""
        return next(iter(sorted(self.folder.glob("original.*"))), None)

    @property
    def fetch_request(self) -> Path:
        return self.folder / "fetch.yaml"

    @property
    def import_request(self) -> Path:
        """The choices for the import; being there, it asks for it."""
        return self.folder / "import.yaml"

    @property
    def cancel(self) -> Path:
        """Being there, it asks for the end of what is being done."""
        return self.folder / "cancel"

    @property
    def progress(self) -> Path:
        return self.folder / "progress.json"

    @property
    def outcome(self) -> Path:
        return self.folder / "outcome.json"

    @property
    def lock(self) -> Path:
        """Held (flock) by the process that fetches or imports."""
        return self.folder / ".lock"

    @property
    def log(self) -> Path:
        return self.folder / "import.log"

    @property
    def dataset(self) -> Path:
        """The folder of the dataset while it is being built."""
        return self.folder / "dataset"


@dataclass(frozen=True)
class SandboxPaths:
    """Every file of the sandbox, the process that holds a loaded model."""

    folder: Path

    @property
    def wanted(self) -> Path:
        return self.folder / "wanted.yaml"

    @property
    def server(self) -> Path:
        return self.folder / "server.json"

    @property
    def log(self) -> Path:
        return self.folder / "sandbox.log"
