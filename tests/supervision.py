"""A supervisor on a small workspace, its trainer the fake one, ticked by hand."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.lock import take_lock
from core.paths import RunPaths, Workspace
from core.process import pids_with_environment
from core.run.store import Run, Store
from core.safe_yaml import dump_yaml
from core.settings import Settings
from daemon.start import Start
from daemon.supervisor import Supervisor
from daemon.trainer_process import TrainerProcess, keep
from tests.waiting import wait_until

FAKE_TRAINER = Path(__file__).with_name("fake_trainer.py")
FAKE_RANK = (sys.executable, "-P", str(Path(__file__).with_name("fake_warm_rank.py")))
SETTINGS = Settings(
    poll_interval_s=0.02,
    queue_quiet_s=0.3,
    cancel_grace_s=1.0,
    retry_delay_s=0.05,
    min_free_disk_gib=0,
    prepare_ahead=False,
)


def make_workspace(root: Path) -> Workspace:
    """A workspace with one (empty) model and one dataset."""
    model, data = root / "models" / "tiny", root / "uploads" / "qa"
    model.mkdir(parents=True)
    data.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"x")
    (data / "train.jsonl").write_text('{"text": "x"}\n')
    (root / "runs" / "queue").mkdir(parents=True)
    return Workspace(root)


def spec_text(name: str, behaviour: str = "steps-3", **run: object) -> str:
    """A spec that the fake trainer understands."""
    return dump_yaml(
        {
            "run": {"name": name, "owner": behaviour, **run},
            "base_model": "./models/tiny",
            "datasets": [{"path": "./uploads/qa/train.jsonl", "type": "completion"}],
            "learning_rate": 1e-4,
        }
    )


@contextmanager
def supervising(workspace: Workspace, settings: Settings = SETTINGS) -> Iterator[Supervisor]:
    """An open supervisor; afterwards none of its trainers is left alive."""
    started: list[TrainerProcess] = []

    def obtain(start: Start) -> TrainerProcess:
        started.append(keep(start, [sys.executable, str(FAKE_TRAINER)]))
        return started[-1]

    lock = take_lock(workspace.daemon_lock)
    supervisor = Supervisor(workspace, settings, dict(os.environ), obtain=obtain)
    supervisor.open()
    try:
        yield supervisor
    finally:
        supervisor.close()
        for trainer in started:
            end(trainer)
        if lock is not None:
            os.close(lock)


@contextmanager
def forgetting(supervisor: Supervisor) -> Iterator[None]:
    """As if the daemon had been killed: its trainers go on, and nobody waits for them."""
    supervisor.roster.live.clear()
    supervisor.watch.stop()
    yield


def end(trainer: TrainerProcess) -> None:
    """Kill what is left of a trainer, and reap it."""
    wait_until(lambda: trainer.keeper is None or trainer.keeper.poll() is not None, trainer.kill)


def tick_until(supervisor: Supervisor, fact: Callable[[], object]) -> None:
    """Turn the loop until the fact holds."""

    def turn() -> None:
        supervisor.tick()
        supervisor.watch.wait(0.02)

    def tell() -> str:
        runs = [run.status for run in Store(supervisor.workspace).runs()]
        told = [f"{run.name} ({run.owner}) {run.phase}: {run.reason}" for run in runs]
        return "\n".join([f"troubles: {supervisor.troubles}", *told])

    wait_until(fact, turn, told=tell)


def the_run(workspace: Workspace, name: str) -> Run | None:
    """The run of that name, if the daemon has taken it."""
    return next((run for run in Store(workspace).runs() if run.status.name == name), None)


def phase(workspace: Workspace, name: str) -> str:
    """Where the run of that name is; empty while it is not taken."""
    run = the_run(workspace, name)
    return run.status.phase.value if run else ""


def living(paths: RunPaths) -> list[int]:
    """The processes of the run that live."""
    return list(pids_with_environment(*TrainerProcess(paths).marks))
