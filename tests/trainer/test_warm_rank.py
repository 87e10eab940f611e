"""A rank whose libraries are stand-ins: how it takes a run, and how it ends without one."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import handover
from core.files import parse_json_lines
from core.paths import CODE_ROOT, RunPaths
from tests.waiting import wait_until

SLOW_AND_BROKEN = "import time; time.sleep(1); raise ImportError('half an upgrade')"
TOLD = """
import json, os, sys
folder = os.environ["LLM_TRAINER_RUN"]
told = {"cold": os.environ["LLM_TRAINER_COLD"], "pid": os.getpid(), "cwd": os.getcwd()}
json.dump(told, open(f"{folder}/told.json", "w"))
print("from the new process")
"""
Start = Callable[[str], tuple["subprocess.Popen[bytes]", socket.socket]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    ranks: list[tuple[subprocess.Popen[bytes], socket.socket]] = []

    def start_rank(axolotl: str) -> tuple["subprocess.Popen[bytes]", socket.socket]:
        """A rank that finds this in the place of Axolotl, and the standby's end of the line."""
        ours, theirs = handover.pair()
        package = put_module(tmp_path / "libraries", "axolotl", axolotl)
        environment = os.environ | {"PYTHONPATH": f"{package}:{CODE_ROOT}"}
        command = [sys.executable, "-P", "-m", "trainer.warm_rank", str(theirs.fileno())]
        with theirs:
            rank = subprocess.Popen(
                command, env=environment, pass_fds=[theirs.fileno()], stderr=subprocess.DEVNULL
            )
        ranks.append((rank, ours))
        return ranks[-1]

    yield start_rank
    for rank, connection in ranks:
        rank.kill()
        rank.wait()
        connection.close()


def put_module(folder: Path, name: str, text: str) -> Path:
    """The folder, with a package of that name in it."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(text)
    return folder


def give(connection: socket.socket, paths: RunPaths, python_path: str) -> None:
    """Hand the rank a run, as its standby does."""
    environment = {
        **os.environ,
        "PYTHONPATH": python_path,
        "LLM_TRAINER_RUN": str(paths.folder),
        "LLM_TRAINER_ATTEMPT": "1",
        "LLM_TRAINER_COLD": "",
    }
    with paths.log.open("ab") as log, paths.lock.open("ab") as lock:
        record = {"environment": environment, "folder": str(paths.folder)}
        handover.send(connection, record, [lock.fileno(), log.fileno()])


def test_a_run_taken_by_a_rank_that_cannot_get_ready_is_begun_anew_in_its_place(
    start: Start, tmp_path: Path
) -> None:
    rank, connection = start(SLOW_AND_BROKEN)
    paths = RunPaths(tmp_path / "run")
    paths.folder.mkdir()
    new = put_module(tmp_path / "new", "trainer", "")
    (new / "trainer" / "run.py").write_text(TOLD)
    give(connection, paths, f"{new}:{CODE_ROOT}")
    assert handover.receive(connection) == ({"taken": True}, [])
    assert rank.wait(60) == 0
    told = json.loads((paths.folder / "told.json").read_text())
    assert told["cold"] == "the standby could not get ready: half an upgrade"
    assert told["pid"] == rank.pid
    assert told["cwd"] == str(paths.folder)
    assert "from the new process" in paths.log.read_text()
    stages = parse_json_lines(paths.journal.read_text().splitlines())
    assert [entry["stage"] for entry in stages] == ["imports"]


def test_what_keeps_it_from_getting_ready_is_told_where_no_run_was_taken(start: Start) -> None:
    _, connection = start("raise ImportError('half an upgrade')")
    assert handover.receive(connection) == ({"unfit": "half an upgrade"}, [])


def test_it_ends_at_once_with_its_standby_even_while_it_gets_ready(start: Start) -> None:
    rank, connection = start("import time; time.sleep(600)")
    wait_until(lambda: rank.poll() is None)
    connection.close()
    assert rank.wait(20) == 0


def test_a_rank_that_is_asked_to_end_does(start: Start) -> None:
    rank, _ = start("import time; time.sleep(600)")
    rank.send_signal(signal.SIGTERM)
    assert rank.wait(20) == -signal.SIGTERM
