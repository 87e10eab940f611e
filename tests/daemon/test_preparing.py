"""Runs that wait are prepared one at a time, each once, and never in the way of one that begins."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.files import load_json
from core.paths import Workspace
from core.run.phase import Phase, Stage
from core.run.preparation import DONE, Preparation, load_preparation, save_preparation
from core.run.status import RunStatus
from core.run.store import Store
from core.run.trainer_env import RUN_FOLDER_VARIABLE
from core.safe_yaml import load_yaml_mapping
from core.settings import Settings
from core.spec.prepared import ContentHasher, prepared_key
from core.spec.run_spec import RunSpec
from daemon.decide import Waiting
from daemon.preparing import (
    MIN_AVAILABLE_MIB,
    Preparing,
    Room,
    choose,
    has_room,
    is_wanted,
    with_warnings,
)
from daemon.read_ahead import READ_AGAIN_S, KeyReader
from tests.clock import Clock
from tests.supervision import phase, spec_text, supervising, the_run, tick_until
from tests.waiting import wait_until

AT = datetime(2026, 11, 22, tzinfo=UTC)
MIB = 1024**2
SETTINGS = Settings(min_free_disk_gib=0)

# Stands for `python`: a preparation as the daemon sees it.
FAKE = """\
#!{python}
import json, os, subprocess, sys, time
from pathlib import Path

folder = Path(sys.argv[4])
env = dict(os.environ)

def tell(stage, error=""):
    record = {{"stage": stage, "seconds": {{}}, "rows": None, "error": error}}
    aside = folder / "aside"
    aside.write_text(json.dumps(record))
    aside.replace(folder / "prepared.json")

def wait():
    while not (folder.parent.parent / "go").exists():
        time.sleep(0.01)

(folder / "seen.json").write_text(json.dumps({{"arguments": sys.argv[1:], "env": env}}))
{body}
"""
AT_ONCE = 'tell("done")'


def config(data: str) -> dict[str, object]:
    datasets = [{"path": f"./uploads/qa/{data}.jsonl", "type": "completion"}]
    return {"base_model": "./models/tiny", "datasets": datasets, "bf16": True}


def waiting(name: str, data: str = "train", gpus: int = 1) -> Waiting:
    status = RunStatus(f"20260101-000000-{name}", name, submitted_at=AT, since=AT)
    return Waiting(status, RunSpec(name=name, axolotl=config(data), gpus=gpus))


A, B, C = waiting("a"), waiting("b", "other"), waiting("c")
KEYS = {A.run_id: "k", B.run_id: "l", C.run_id: "k"}


def test_the_first_run_of_the_queue_whose_key_is_known_and_not_settled_is_chosen() -> None:
    assert choose([A, B, C], KEYS, ()) is A
    assert choose([A, B, C], KEYS, {(A.run_id, "k")}) is B
    assert choose([A, B], {B.run_id: "l"}, ()) is B
    assert choose([A], {A.run_id: "new"}, {(A.run_id, "k")}) is A
    assert choose([A], KEYS, {(A.run_id, "k")}) is None
    assert choose([], {}, ()) is None


@pytest.mark.parametrize(
    ("memory_mib", "disk_bytes", "size_bytes", "fits"),
    [
        (MIN_AVAILABLE_MIB, 10 * MIB, MIB, True),
        (MIN_AVAILABLE_MIB - 1, 10 * MIB, MIB, False),
        (MIN_AVAILABLE_MIB, 10 * MIB - 1, MIB, False),
        (MIN_AVAILABLE_MIB, 0, float("inf"), True),
        (MIN_AVAILABLE_MIB, -1, float("inf"), False),
    ],
)
def test_there_is_room_where_memory_and_disk_are_to_spare(
    memory_mib: float, disk_bytes: float, size_bytes: float, fits: bool
) -> None:
    assert has_room(Room(memory_mib, disk_bytes), size_bytes) is fits


@pytest.mark.parametrize("stage", ["", *Stage, DONE])
def test_a_run_that_begins_waits_for_its_data_alone(stage: str) -> None:
    preparation = Preparation(stage)
    assert is_wanted("a", preparation, queue={"a"}, begun=())
    assert is_wanted("a", preparation, queue=(), begun={"a"}) is (stage in ("dataset", "done"))
    assert not is_wanted("a", preparation, queue={"b"}, begun={"c"})


def test_what_is_wrong_is_told_behind_the_reason() -> None:
    reasons = {"a": "waits for the CPU", "b": "waits for a GPU"}
    told = with_warnings(reasons, {"b": "preparing it failed: no", "c": "gone"})
    assert told == {"a": "waits for the CPU", "b": "waits for a GPU; preparing it failed: no"}


def test_a_record_that_cannot_be_read_has_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "prepared.json"
    assert load_preparation(path) == Preparation()
    for text in ("[]", "{", '{"stage": "done"}', '{"stage": 1, "seconds": 2, "rows": 3}'):
        path.write_text(text)
        assert load_preparation(path) == Preparation()
    known = Preparation("dataset", {"imports": 6.5}, 12, "no")
    save_preparation(path, known)
    assert load_preparation(path) == known


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    """The small one, with a second dataset."""
    (workspace.uploads / "qa" / "other.jsonl").write_text('{"text": "y"}\n')
    return workspace


def key_of(workspace: Workspace, run: Waiting) -> str:
    return prepared_key(run.spec.axolotl, workspace.root, ContentHasher())


def test_keys_follow_the_data_and_what_cannot_be_read_has_none(workspace: Workspace) -> None:
    clock = Clock()
    reader = KeyReader(workspace.root, ContentHasher(), clock)
    broken = replace(C, spec=replace(C.spec, axolotl={}))
    before = {run.run_id: key_of(workspace, run) for run in (A, B)}
    wait_until(lambda: reader.follow([broken, A, B]) == before)
    (workspace.uploads / "qa" / "train.jsonl").write_text('{"text": "changed"}\n')
    assert reader.follow([broken, A, B]) == before
    clock.now += READ_AGAIN_S
    after = before | {A.run_id: key_of(workspace, A)}
    assert after != before
    wait_until(lambda: reader.follow([broken, A, B]) == after)
    wait_until(lambda: reader.follow([B]) == {B.run_id: before[B.run_id]})


class Bench:
    """Preparations in a workspace, turned by hand."""

    def __init__(self, workspace: Workspace, python: Path, settings: Settings) -> None:
        self.workspace = workspace
        self.clock = Clock()
        self.available_mib = 64 * 1024.0
        self.queue: list[Waiting] = []
        self.begun: dict[str, Phase] = {"other": Phase.RUNNING}
        self.has_gpus = False
        env = {"PATH": os.environ["PATH"], RUN_FOLDER_VARIABLE: "/nowhere"}
        self.preparing = Preparing(
            workspace, settings, str(python), env, ContentHasher(), self.clock, self._available_mib
        )

    def _available_mib(self) -> float:
        return self.available_mib

    def tick(self) -> None:
        self.preparing.tick(self.queue, self.begun, self.has_gpus)

    def until(self, fact: Callable[[], object]) -> None:
        wait_until(fact, self.tick)

    def stage(self, run: Waiting) -> str:
        return load_preparation(self.workspace.preparation(run.run_id).record).stage

    def seen(self, run: Waiting) -> Mapping[str, object]:
        return load_json(self.workspace.preparation(run.run_id).folder / "seen.json")

    def rest(self) -> None:
        """Turn until the keys are known and whatever was at work has ended."""
        self.clock.now += READ_AGAIN_S
        self.until(lambda: set(self.preparing._keys.follow(self.queue)) >= {*self.queue_ids()})
        self.until(lambda: self.preparing._work is None and not self.preparing._ended)
        self.tick()

    def queue_ids(self) -> list[str]:
        return [run.run_id for run in self.queue]

    @property
    def at_work(self) -> str:
        work = self.preparing._work
        return work.run_id if work else ""


@pytest.fixture
def make_bench(tmp_path: Path, workspace: Workspace) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(body: str = AT_ONCE, settings: Settings = SETTINGS) -> Bench:
        python = tmp_path / "python"
        python.write_text(FAKE.format(python=sys.executable, body=body))
        python.chmod(0o755)
        made.append(Bench(workspace, python, settings))
        return made[-1]

    yield make
    for bench in made:
        bench.preparing.stop()
        bench.queue = []
        bench.until(lambda bench=bench: not bench.preparing._ended)


def test_without_waiting_runs_nothing_is_done(workspace: Workspace, make_bench) -> None:
    make_bench().tick()
    assert not workspace.preparing.exists()


def test_a_run_is_prepared_as_it_will_be_started_but_marked_as_none(make_bench) -> None:
    bench = make_bench()
    bench.queue = [A]
    bench.until(lambda: bench.stage(A) == DONE)
    paths = bench.workspace.preparation(A.run_id)
    told = load_yaml_mapping(paths.axolotl_config.read_bytes())
    assert told["dataset_prepared_path"] == f"./runs/.prepared/{key_of(bench.workspace, A)}"
    assert told["output_dir"] == f"./runs/{A.run_id}/output"
    assert told["bf16"] is False
    seen = bench.seen(A)
    assert seen["arguments"] == ["-P", "-m", "trainer.prepare", str(paths.folder)]
    assert seen["env"]["CUDA_VISIBLE_DEVICES"] == ""
    assert seen["env"]["AXOLOTL_DATASET_NUM_PROC"] == "1"
    assert RUN_FOLDER_VARIABLE not in seen["env"]
    assert not bench.workspace.run(A.run_id).folder.exists()


def test_a_run_for_a_gpu_keeps_what_only_a_gpu_can(make_bench) -> None:
    bench = make_bench()
    bench.has_gpus = True
    bench.queue = [A, waiting("cpu", "other", gpus=0)]
    for run, bf16 in zip(bench.queue, (True, False), strict=True):
        bench.until(lambda run=run: bench.stage(run) == DONE)
        path = bench.workspace.preparation(run.run_id).axolotl_config
        assert load_yaml_mapping(path.read_bytes())["bf16"] is bf16


def test_one_run_at_a_time_in_the_order_of_the_queue(make_bench) -> None:
    bench = make_bench('tell("config"); wait(); tell("done")')
    bench.queue = [B, A]
    bench.until(lambda: bench.stage(B) == "config")
    for _ in range(5):
        bench.tick()
    assert bench.at_work == B.run_id and not bench.stage(A)
    (bench.workspace.runs / "go").touch()
    bench.until(lambda: bench.stage(A) == DONE)


def test_a_run_whose_data_is_there_is_left_alone(make_bench) -> None:
    bench = make_bench()
    state = bench.workspace.prepared / key_of(bench.workspace, A) / "hash" / "state.json"
    state.parent.mkdir(parents=True)
    bench.queue = [A, B]
    state.touch()
    bench.until(lambda: bench.stage(B) == DONE)
    assert not bench.workspace.preparation(A.run_id).folder.exists()


def test_what_failed_is_told_and_not_tried_again_until_the_data_changes(make_bench) -> None:
    bench = make_bench('tell("dataset", "row 3\\nis no chat"); sys.exit(1)')
    bench.queue = [A]
    bench.until(bench.preparing.warnings)
    told = {A.run_id: "preparing it failed: row 3 is no chat"}
    assert bench.preparing.warnings() == told
    record = bench.workspace.preparation(A.run_id).record
    before = record.stat().st_mtime_ns
    bench.rest()
    assert record.stat().st_mtime_ns == before
    (bench.workspace.uploads / "qa" / "train.jsonl").write_text('{"text": "mended"}\n')
    bench.clock.now += READ_AGAIN_S
    bench.until(lambda: record.exists() and record.stat().st_mtime_ns != before)
    bench.until(lambda: bench.preparing.warnings() == told)
    bench.queue = []
    bench.tick()
    assert not bench.preparing.warnings()


@pytest.mark.parametrize("body", ["sys.exit(3)", "os.kill(os.getpid(), 9)"])
def test_one_that_dies_without_a_word_is_no_fault_of_the_run(make_bench, body: str) -> None:
    bench = make_bench(f'tell("imports"); {body}')
    bench.queue = [A, B]
    bench.until(lambda: bench.stage(B) == "imports")
    bench.rest()
    assert not bench.preparing.warnings()


def test_while_a_run_begins_or_memory_is_short_nothing_is_begun(make_bench) -> None:
    bench = make_bench()
    bench.queue = [A]
    bench.begun = {"other": Phase.STARTING}
    bench.rest()
    assert not bench.stage(A)
    bench.begun, bench.available_mib = {"other": Phase.RUNNING}, MIN_AVAILABLE_MIB - 1
    bench.rest()
    assert not bench.stage(A)
    bench.available_mib = MIN_AVAILABLE_MIB
    bench.until(lambda: bench.stage(A) == DONE)


def test_switched_off_it_does_nothing(make_bench) -> None:
    bench = make_bench(settings=replace(SETTINGS, prepare_ahead=False))
    bench.queue = [A]
    for _ in range(3):
        bench.tick()
    assert not bench.workspace.preparing.exists()


@pytest.mark.parametrize("stage", ["imports", "config", "model"])
def test_a_run_that_begins_before_or_after_its_data_ends_its_preparation(
    make_bench, stage: str
) -> None:
    bench = make_bench(f'tell("{stage}"); time.sleep(60)')
    bench.queue = [A]
    bench.until(lambda: bench.stage(A) == stage)
    process = bench.preparing._work.process
    bench.queue, bench.begun = [], {A.run_id: Phase.STARTING}
    bench.tick()
    wait_until(lambda: process.poll() == -9)
    bench.until(lambda: not bench.workspace.preparation(A.run_id).folder.exists())


def test_a_run_that_begins_lets_its_data_be_made_unless_it_is_cancelled(make_bench) -> None:
    bench = make_bench('tell("dataset"); time.sleep(60)')
    bench.queue = [A]
    bench.until(lambda: bench.stage(A) == "dataset")
    bench.queue, bench.begun = [B], {A.run_id: Phase.STARTING}
    for _ in range(5):
        bench.tick()
    assert bench.at_work == A.run_id
    bench.begun = {}
    bench.tick()
    assert bench.at_work != A.run_id


def test_workers_that_a_killed_preparation_leaves_behind_are_ended(make_bench) -> None:
    """They would hold Axolotl's lock on the data for ever."""
    sleeper = "subprocess.Popen(['sleep', '60'], start_new_session=True).pid"
    body = f'(folder.parent / "pid.txt").write_text(str({sleeper})); os.kill(os.getpid(), 9)'
    bench = make_bench(body)
    bench.queue = [A]
    note = bench.workspace.preparing / "pid.txt"
    bench.until(lambda: note.exists() and note.read_text())
    bench.until(lambda: not Path(f"/proc/{note.read_text()}/exe").exists())
    note.unlink()


def test_what_an_earlier_daemon_left_is_ended_and_cleared_away(make_bench) -> None:
    first = make_bench('tell("dataset"); time.sleep(60)')
    first.queue = [A]
    first.until(lambda: first.stage(A) == "dataset")
    left, first.preparing._work = first.preparing._work, None
    second = make_bench()
    second.tick()
    wait_until(lambda: left.process.poll() == -9)
    assert not second.workspace.preparation(A.run_id).folder.exists()


def test_a_python_that_is_missing_is_no_trouble(make_bench, tmp_path: Path) -> None:
    bench = make_bench()
    (tmp_path / "python").unlink()
    bench.queue = [A]
    bench.rest()
    assert not bench.at_work and not bench.preparing.warnings()


def test_people_are_told_while_the_run_waits(workspace: Workspace, store: Store) -> None:
    with supervising(workspace) as supervisor:
        store.submit("a", spec_text("a", "hang"))
        tick_until(supervisor, lambda: phase(workspace, "a") == "running")
        store.submit("b", spec_text("b"))
        tick_until(supervisor, lambda: phase(workspace, "b") == "queued")
        run_id = the_run(workspace, "b").run_id
        supervisor.preparing._errors[run_id] = "row 3 is no chat"
        told = "waits for the CPU: a trains on it; preparing it failed: row 3 is no chat"
        tick_until(supervisor, lambda: the_run(workspace, "b").status.reason == told)
