import json
import os
import sys
import time

import pytest

from core.files import save_json
from core.paths import Workspace
from core.sandbox.client import find_server, want_sandbox
from daemon.sandbox import SandboxKeeper
from tests.clock import Clock
from tests.waiting import wait_until

# Stands for `python`: gets the arguments that the real one would get.
FAKE = """\
#!{python}
import json, os, signal, sys, time
from pathlib import Path

folder = Path(os.environ["LLM_TRAINER_WORKSPACE"]) / "runs/.sandbox"
# Renamed: two fakes never share a file, and a reader never meets half of one.
note = folder / f"started-{{os.getpid()}}.json"
note.with_suffix(".tmp").write_text(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]))
note.with_suffix(".tmp").rename(note)
card = {{"pid": os.getpid(), "port": 1, "token": "t", "started_at": "x", "device": sys.argv[-1]}}
aside = folder / "aside.tmp"
aside.write_text(json.dumps({{**card, "state": "ready"}}))
{body}
"""
SERVE = """
signal.signal(signal.SIGTERM, lambda *_: ((folder / "server.json").unlink(), os._exit(0)))
aside.rename(folder / "server.json")
time.sleep(60)
"""
IDLE_OUT = ""
DEAF = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
aside.rename(folder / "server.json")
time.sleep(60)
"""
BROKEN = """
print("first line")
raise SystemExit("no module named torch")
"""


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "runs").mkdir()
    return Workspace(tmp_path)


@pytest.fixture
def make_keeper(tmp_path, workspace):
    keepers = []

    def make(body, python=None, clock=time.monotonic):
        fake = tmp_path / "python"
        fake.write_text(FAKE.format(python=sys.executable, body=body))
        fake.chmod(0o755)
        env = {"PATH": os.environ["PATH"], "KEPT": "yes"}
        keepers.append(SandboxKeeper(workspace, python or str(fake), env, 12, clock))
        return keepers[-1]

    yield make
    for keeper in keepers:
        keeper.stop()
        if keeper._child is not None and keeper.is_running:
            os.killpg(keeper._child.pid, 9)
        wait_until(lambda keeper=keeper: not keeper.is_running)


def starts(workspace):
    return sorted(workspace.sandbox.folder.glob("started-*.json"))


def start(keeper, workspace, device="cpu", gpus=None):
    want_sandbox(workspace)
    wait_until(lambda: find_server(workspace), lambda: keeper.tick(device, gpus))
    return find_server(workspace)


def test_nothing_is_started_unless_wanted(workspace, make_keeper):
    keeper = make_keeper(SERVE)
    keeper.tick("cpu", None)
    assert not keeper.is_running and not workspace.sandbox.folder.exists()


def test_a_wanted_sandbox_is_started_once_in_its_own_session(workspace, make_keeper):
    keeper = make_keeper(SERVE)
    server = start(keeper, workspace)
    for _ in range(5):
        keeper.tick("cpu", None)
    assert keeper.is_running and not keeper.uses_gpu
    assert len(starts(workspace)) == 1
    assert os.getsid(server.pid) == server.pid


def test_it_gets_the_command_environment_and_folder_it_needs(workspace, make_keeper, monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    keeper = make_keeper(SERVE)
    start(keeper, workspace, "cuda", "1")
    arguments, env, folder = json.loads(starts(workspace)[0].read_text())
    assert keeper.uses_gpu
    assert arguments == [
        *("-P", "-m", "trainer.sandbox"),
        *("--idle-timeout-s", "12", "--device", "cuda"),
    ]
    assert (env["CUDA_VISIBLE_DEVICES"], env["KEPT"]) == ("1", "yes")
    assert "SECRET" not in env and folder == str(workspace.sandbox.folder)


def test_without_a_gpu_it_sees_none(workspace, make_keeper):
    start(make_keeper(SERVE), workspace)
    assert json.loads(starts(workspace)[0].read_text())[1]["CUDA_VISIBLE_DEVICES"] == ""


def test_one_that_idled_out_is_not_started_again(workspace, make_keeper):
    keeper = make_keeper(IDLE_OUT)
    want_sandbox(workspace)
    wait_until(lambda: not workspace.sandbox.wanted.exists(), lambda: keeper.tick("cpu", None))
    keeper.tick("cpu", None)
    assert not keeper.is_running and len(starts(workspace)) == 1
    assert find_server(workspace) is None


def test_one_that_dies_early_leaves_its_last_words_and_is_not_started_again(workspace, make_keeper):
    workspace.sandbox.folder.mkdir()
    workspace.sandbox.log.write_text("of the one before\n")
    keeper = make_keeper(BROKEN)
    want_sandbox(workspace)
    server = wait_until(lambda: find_server(workspace), lambda: keeper.tick("cpu", None))
    keeper.tick("cpu", None)
    assert server.state == "failed"
    assert "code 1" in server.reason and "no module named torch" in server.reason
    assert "of the one before" not in server.reason
    assert not keeper.is_running and len(starts(workspace)) == 1
    assert not workspace.sandbox.wanted.exists()


def test_a_failed_one_is_tried_again_when_it_is_wanted_again(workspace, make_keeper):
    keeper = make_keeper(BROKEN)
    want_sandbox(workspace)
    wait_until(lambda: find_server(workspace), lambda: keeper.tick("cpu", None))
    want_sandbox(workspace)
    wait_until(lambda: len(starts(workspace)) == 2, lambda: keeper.tick("cpu", None))


def test_one_that_is_killed_while_ready_is_told_of(workspace, make_keeper):
    keeper = make_keeper(SERVE)
    pid = start(keeper, workspace).pid
    os.kill(pid, 9)
    wait_until(
        lambda: (server := find_server(workspace)) and server.state == "failed",
        lambda: keeper.tick("cpu", None),
    )
    assert "signal 9" in find_server(workspace).reason


def test_a_python_that_is_missing_is_told_of(workspace, make_keeper):
    keeper = make_keeper(SERVE, python="/nowhere/python")
    want_sandbox(workspace)
    keeper.tick("cpu", None)
    assert "could not be started" in find_server(workspace).reason
    assert not workspace.sandbox.wanted.exists()


def test_stopping_ends_it_and_tells_why(workspace, make_keeper):
    keeper = make_keeper(SERVE)
    start(keeper, workspace)
    keeper.stop("a training needs the GPU")
    wait_until(lambda: not keeper.is_running)
    keeper.tick("cpu", None)
    server = find_server(workspace)
    assert (server.state, server.reason) == ("stopped", "a training needs the GPU")
    keeper.tick("cpu", None)
    assert not keeper.is_running and not workspace.sandbox.wanted.exists()


def test_a_wish_made_while_it_ends_starts_the_next(workspace, make_keeper):
    keeper = make_keeper(SERVE)
    start(keeper, workspace)
    keeper.stop()
    want_sandbox(workspace)
    wait_until(lambda: len(starts(workspace)) == 2, lambda: keeper.tick("cpu", None))


def test_one_that_does_not_listen_is_killed_after_the_grace_time(workspace, make_keeper):
    clock = Clock()
    keeper = make_keeper(DEAF, clock=clock)
    start(keeper, workspace)
    keeper.stop()
    clock.now = 2.9
    keeper.tick("cpu", None)
    assert keeper.is_running
    clock.now = 3.0
    wait_until(lambda: not keeper.is_running, lambda: keeper.tick("cpu", None))
    keeper.tick("cpu", None)
    assert find_server(workspace) is None


def test_one_left_by_an_earlier_daemon_is_adopted_and_can_be_stopped(workspace, make_keeper):
    first = make_keeper(SERVE)
    start(first, workspace, "cuda", "0")
    second = make_keeper(SERVE)
    assert second.is_running and second.uses_gpu
    second.tick("cpu", None)
    assert len(starts(workspace)) == 1
    second.stop()
    wait_until(lambda: not first.is_running)
    wait_until(lambda: not second.is_running)


def test_a_process_that_is_no_sandbox_is_not_adopted(workspace, make_keeper):
    workspace.sandbox.folder.mkdir()
    card = {"pid": os.getpid(), "port": 1, "token": "t", "started_at": "x"}
    save_json(workspace.sandbox.server, {**card, "state": "ready", "device": "cpu"})
    assert not make_keeper(SERVE).is_running
