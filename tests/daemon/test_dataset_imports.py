"""The daemon lets arrivals be fetched and imported, whatever happens to it or to its child."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.dataset.arrival.arrival import Arrival, State, find_arrival, load_outcome
from core.dataset.arrival.arriving import cancel, create_hub, create_local, discard, request_import
from core.dataset.arrival.outcome import failed, to_record
from core.files import save_json
from core.lock import take_lock
from core.paths import ArrivalPaths, Workspace
from core.settings import Settings
from daemon.dataset_imports import Fetches, Imports
from tests.clock import Clock
from tests.waiting import wait_until

SETTINGS = Settings(min_free_disk_gib=0)

# Stands for `python`: does as the name of the dataset says.
FAKE = """\
#!{python}
import json, os, signal, sys, time
from pathlib import Path

folder = Path(sys.argv[4].removeprefix("--arrival="))
module = sys.argv[3]
outcome = folder / "outcome.json"
with (folder / "starts").open("a") as starts:
    print(os.getpid(), file=starts)
(folder / "progress.json").write_text(json.dumps(
    {{"stage": "reading", "started_at": "2026-01-01T00:00:00Z", "at": "2026-01-01T00:00:00Z"}}))
{body}
"""
DONE = "outcome.write_text(json.dumps({'ok': True, 'dataset': 'chats'}))"
SLEEP = "print('still reading', flush=True)\ntime.sleep(60)"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "ws")
    workspace.queue.mkdir(parents=True)
    return workspace


@pytest.fixture
def asked(workspace: Workspace) -> Arrival:
    """An arrival whose import was asked for."""
    (workspace.root / "rows.csv").write_text("question,answer\n")
    arrival = create_local(workspace, SETTINGS, "rows.csv")
    request_import(workspace, arrival.id, {"name": "chats"})
    return arrival


Make = Callable[..., Imports]


@pytest.fixture
def make(workspace: Workspace, tmp_path: Path) -> Iterator[Make]:
    made: list[Imports] = []

    def make_(
        body: str = DONE, kind: type[Imports] = Imports, clock: Callable[[], float] | None = None
    ) -> Imports:
        fake = tmp_path / "python"
        fake.write_text(FAKE.format(python=sys.executable, body=body))
        fake.chmod(0o755)
        env = {"PATH": os.environ["PATH"]}
        made.append(kind(workspace, str(fake), env, monotonic=clock or time.monotonic))
        return made[-1]

    yield make_
    for imports in made:
        stop(imports)


def stop(imports: Imports) -> None:
    """Stop, and collect what was killed."""
    imports.stop()
    wait_until(lambda: all(process.poll() is not None for process in imports._killed))


def state(workspace: Workspace, arrival: Arrival) -> State:
    found = find_arrival(workspace, arrival.id)
    assert found
    return found.state


def starts(paths: ArrivalPaths) -> list[int]:
    file = paths.folder / "starts"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def begin(imports: Imports, arrival: Arrival, count: int = 1) -> None:
    wait_until(
        lambda: len(starts(arrival.paths)) == count and arrival.paths.progress.exists(),
        imports.tick,
    )


def test_what_was_asked_for_is_imported(workspace: Workspace, asked: Arrival, make: Make) -> None:
    imports = make()
    assert state(workspace, asked) is State.WAITING
    wait_until(lambda: not asked.paths.import_request.exists(), imports.tick)
    assert state(workspace, asked) is State.DONE
    assert len(starts(asked.paths)) == 1


def test_an_import_that_dies_is_told_of_and_its_source_stays(
    workspace: Workspace, asked: Arrival, make: Make
) -> None:
    imports = make("print('at row 7', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)")
    wait_until(lambda: load_outcome(asked.paths), imports.tick)
    found = find_arrival(workspace, asked.id)
    assert found and found.state is State.FAILED and found.outcome
    assert found.outcome.reason.startswith("The import was killed (SIGKILL): at row 7.")
    assert found.path.exists()


def test_what_the_import_said_itself_counts(asked: Arrival, make: Make) -> None:
    imports = make("outcome.write_text(json.dumps({'ok': False, 'reason': 'x'}))\nsys.exit(3)")
    wait_until(lambda: not asked.paths.import_request.exists(), imports.tick)
    found = load_outcome(asked.paths)
    assert found and found.reason == "x"


def test_a_cancelled_import_is_no_failure(workspace: Workspace, asked: Arrival, make: Make) -> None:
    clock = Clock()
    imports = make(SLEEP, clock=clock)
    begin(imports, asked)
    assert state(workspace, asked) is State.IMPORTING
    cancel(workspace, asked.id)
    imports.tick()
    clock.now = 5.0
    wait_until(lambda: not asked.paths.import_request.exists(), imports.tick)
    assert state(workspace, asked) is State.CANCELLED


def test_what_waits_is_cancelled_without_a_start(
    workspace: Workspace, asked: Arrival, make: Make
) -> None:
    cancel(workspace, asked.id)
    make().tick()
    assert state(workspace, asked) is State.CANCELLED
    assert not starts(asked.paths) and not asked.paths.cancel.exists()
    request_import(workspace, asked.id, {"name": "chats"})
    assert state(workspace, asked) is State.WAITING


def test_whoever_asks_anew_at_once_is_not_taken_for_the_one_before(
    workspace: Workspace, asked: Arrival, make: Make
) -> None:
    said_no = "outcome.write_text(json.dumps({'ok': False, 'reason': 'x'}))"
    first_no = f"if not (folder / 'again').exists():\n    {said_no}\nelse:\n    {DONE}"
    imports = make(first_no)
    begin(imports, asked)
    # Before the daemon has seen that the first try is over.
    wait_until(lambda: state(workspace, asked) is State.FAILED)
    (asked.paths.folder / "again").touch()
    request_import(workspace, asked.id, {"name": "chats"})
    wait_until(lambda: state(workspace, asked) is State.DONE, imports.tick)
    assert len(starts(asked.paths)) == 2


def test_a_new_daemon_begins_the_import_anew(
    workspace: Workspace, asked: Arrival, make: Make
) -> None:
    first = make(SLEEP)
    begin(first, asked)
    stop(first)
    second = make()
    wait_until(lambda: not asked.paths.import_request.exists(), second.tick)
    assert state(workspace, asked) is State.DONE
    assert len(starts(asked.paths)) == 2


def test_a_child_that_outlived_its_daemon_is_left_to_finish(
    workspace: Workspace, asked: Arrival, make: Make
) -> None:
    imports = make()
    lock = take_lock(asked.paths.lock)
    assert lock is not None
    for _ in range(3):
        imports.tick()
    assert not starts(asked.paths)
    save_json(asked.paths.outcome, to_record(failed("No rows.")))
    os.close(lock)
    imports.tick()
    assert not starts(asked.paths) and not asked.paths.import_request.exists()
    assert state(workspace, asked) is State.FAILED


def test_what_was_discarded_meanwhile_is_forgotten(
    workspace: Workspace, asked: Arrival, make: Make
) -> None:
    imports = make("while folder.exists(): time.sleep(0.01)\nsys.exit(1)")
    begin(imports, asked)
    asked.paths.progress.unlink()
    discard(workspace, asked.id)
    wait_until(lambda: imports._work is None, imports.tick)
    assert not list(workspace.arriving.iterdir())


def test_one_import_at_a_time_the_oldest_first(workspace: Workspace, make: Make) -> None:
    (workspace.root / "rows.csv").write_text("question,answer\n")
    arrivals = [create_local(workspace, SETTINGS, "rows.csv") for _ in range(2)]
    for age, arrival in enumerate(arrivals):
        request_import(workspace, arrival.id, {"name": "chats"})
        os.utime(arrival.paths.import_request, (9 - age, 9 - age))
    imports = make("while not (folder / 'go').exists(): time.sleep(0.01)\n" + DONE)
    begin(imports, arrivals[1])
    imports.tick()
    assert not starts(arrivals[0].paths)
    (arrivals[1].paths.folder / "go").touch()
    begin(imports, arrivals[0])


def test_a_fetch_makes_the_arrival_ready(workspace: Workspace, make: Make) -> None:
    arrival = create_hub(workspace, SETTINGS, "org/chats")
    fetches = make("(folder / 'original.jsonl').write_text('{}')", Fetches)
    wait_until(lambda: not arrival.paths.fetch_request.exists(), fetches.tick)
    assert state(workspace, arrival) is State.READY


def test_a_fetch_that_failed_says_why(workspace: Workspace, make: Make) -> None:
    arrival = create_hub(workspace, SETTINGS, "org/chats")
    fetches = make("outcome.write_text(json.dumps({'ok': False, 'reason': 'gated'}))", Fetches)
    wait_until(lambda: not arrival.paths.fetch_request.exists(), fetches.tick)
    found = find_arrival(workspace, arrival.id)
    assert found and found.state is State.FAILED
    assert found.outcome and found.outcome.reason == "gated"


def test_without_arrivals_nothing_is_done(workspace: Workspace, make: Make) -> None:
    make().tick()
    assert not workspace.arriving.exists()
