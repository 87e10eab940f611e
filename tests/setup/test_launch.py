"""The launcher, with small fake programs in place of daemon, app and starter."""

import fcntl
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.paths import Workspace
from scripts import first_run, launch, running
from scripts.child import Child, stop_all
from scripts.running import Found, Plan, PortUse
from tests.waiting import wait_until
from trainer.keeper import find_free_port

APP = """
import http.server, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *words): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""
DAEMON = """
import fcntl, os, time
from core.paths import find_workspace
fcntl.flock(os.open(find_workspace().daemon_lock, os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)
print("fake daemon", os.getpid(), flush=True)
time.sleep(60)
"""
STARTER = """
from core.paths import find_workspace
(find_workspace().models / "starter").mkdir(parents=True)
"""
DRIVER = """
import sys
from core.paths import find_workspace
from scripts.launch import Launch, LaunchError, Programs, StopSignal, launch
port, daemon, app, starter = int(sys.argv[1]), *sys.argv[2:]
programs = Programs(
    [sys.executable, "-c", daemon],
    [sys.executable, "-c", app, str(port)],
    [sys.executable, "-c", starter],
)
try:
    sys.exit(launch(Launch(find_workspace(), port, programs, True), StopSignal()))
except LaunchError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    for folder in (workspace.queue, workspace.rejected, workspace.presets):
        folder.mkdir(parents=True)
    (workspace.presets / first_run.PRESET).write_text("run: {name: starter}\n")
    return workspace


@pytest.fixture
def port() -> int:
    return find_free_port()


@contextmanager
def launched(
    workspace: Workspace, port: int, daemon: str = DAEMON, app: str = APP, starter: str = STARTER
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", DRIVER, str(port), daemon, app, starter],
        env=os.environ | workspace.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def server(port: int, status: int) -> Iterator[None]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *words: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", port), Handler) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        yield
        http_server.shutdown()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """What it prints up to the line with these words; fails when it ends before."""
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(f"never said {words!r}, but: {said}")


def daemon_pid(workspace: Workspace) -> int:
    said = wait_until(lambda: re.search(r"fake daemon (\d+)\n", workspace.daemon_log.read_text()))
    return int(said[1])


def save_status(workspace: Workspace, run_id: str, phase: str) -> None:
    paths = workspace.run(f"20260101-000000-{run_id}")
    paths.folder.mkdir()
    paths.status.write_text(json.dumps({"name": f"name of {run_id}", "phase": phase}))


@pytest.mark.parametrize(
    ("found", "plan"),
    [
        (Found(daemon=False, port=PortUse.FREE), Plan.START_BOTH),
        (Found(daemon=True, port=PortUse.FREE), Plan.START_APP),
        (Found(daemon=True, port=PortUse.STREAMLIT), Plan.ALREADY_RUNNING),
        (Found(daemon=True, port=PortUse.OTHER), Plan.PORT_TAKEN),
        (Found(daemon=False, port=PortUse.STREAMLIT), Plan.PORT_TAKEN),
        (Found(daemon=False, port=PortUse.OTHER), Plan.PORT_TAKEN),
    ],
)
def test_what_runs_already_decides_what_is_started(found: Found, plan: Plan) -> None:
    assert running.decide(found) is plan


def test_a_workspace_is_fresh_until_something_is_submitted(workspace: Workspace) -> None:
    workspace.gpu.mkdir()
    workspace.prepared.mkdir()
    assert first_run.is_fresh(workspace)


@pytest.mark.parametrize(
    "name",
    [
        "queue/mine.yaml",
        "queue/mine.yml",
        "rejected/mine.yaml",
        "rejected/.dismissed/mine.yaml",
        "20260101-000000-r1/spec.yaml",
    ],
)
def test_a_workspace_with_a_run_or_a_spec_is_not_fresh(workspace: Workspace, name: str) -> None:
    path = workspace.runs / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert not first_run.is_fresh(workspace)


def test_the_starter_is_submitted_whole_and_leaves_nothing_beside_it(workspace: Workspace) -> None:
    assert first_run.submit_starter(workspace)
    (queued,) = workspace.queue.iterdir()
    assert queued.name == "starter.yaml"
    assert queued.read_text() == "run: {name: starter}\n"


def test_only_a_held_lock_counts_as_a_running_daemon(workspace: Workspace) -> None:
    assert not running.is_locked(workspace.daemon_lock)
    with locked(workspace.daemon_lock):
        assert running.is_locked(workspace.daemon_lock)
    assert not running.is_locked(workspace.daemon_lock)


def test_trainings_that_go_on_are_named(workspace: Workspace) -> None:
    for phase in ("queued", "starting", "running", "pausing", "paused", "completed", "failed"):
        save_status(workspace, f"r-{phase}", phase)
    (workspace.runs / "20260101-000000-torn").mkdir()
    (workspace.runs / "20260101-000000-torn/status.json").write_text("{")
    assert running.live_trainings(workspace) == [
        "name of r-pausing",
        "name of r-running",
        "name of r-starting",
    ]


@pytest.mark.parametrize("text", ["0", "80", "65536", "-1", "8501x", "²"])
def test_a_port_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(launch.LaunchError, match="LLM_TRAINER_PORT"):
        launch.parse_port(text)


def test_launch_shows_the_address_once_the_app_answers(workspace: Workspace, port: int) -> None:
    with launched(workspace, port) as process:
        said = read_until(process, "is running:")
        assert f"http://127.0.0.1:{port}" in said
        assert running.app_answers(port)


def test_first_launch_makes_the_starter_and_submits_it(workspace: Workspace, port: int) -> None:
    with launched(workspace, port) as process:
        read_until(process, "first small training is in the queue")
        assert (workspace.models / "starter").is_dir()
        assert (workspace.queue / "starter.yaml").is_file()


def test_a_starter_that_fails_is_told_and_stops_nothing(workspace: Workspace, port: int) -> None:
    with launched(workspace, port, starter="raise SystemExit(3)") as process:
        read_until(process, "starter model could not be made")
        assert process.poll() is None
        assert not list(workspace.queue.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_ends_both_and_names_what_goes_on(
    workspace: Workspace, port: int, number: signal.Signals
) -> None:
    save_status(workspace, "r1", "running")
    with launched(workspace, port) as process:
        read_until(process, "is running:")
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert "1 training goes on in the background: name of r1" in output
    assert running.look(workspace, port) == Found(daemon=False, port=PortUse.FREE)


def test_a_daemon_deaf_to_sigterm_is_killed(workspace: Workspace) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True)\n"
    child = Child("deaf", [sys.executable, "-c", deaf + "time.sleep(60)"], workspace.daemon_log, {})
    wait_until(child.last_lines)
    stop_all([child], timeout_s=0.2)
    assert child.exit_code == -signal.SIGKILL


def test_a_killed_launcher_leaves_nothing_behind(workspace: Workspace, port: int) -> None:
    with launched(workspace, port) as process:
        read_until(process, "is running:")
        pid = daemon_pid(workspace)
        process.kill()
        process.wait()
        wait_until(lambda: not Path(f"/proc/{pid}").exists())


def test_a_second_launch_gives_the_address_of_the_first(workspace: Workspace, port: int) -> None:
    with launched(workspace, port) as first:
        read_until(first, "is running:")
        with launched(workspace, port + 1) as second:
            output, errors = second.communicate(timeout=40)
    assert (second.returncode, errors) == (0, "")
    assert output == f"LLM Trainer is already running: http://127.0.0.1:{port}\n"


def test_beside_the_services_it_only_gives_the_address(workspace: Workspace, port: int) -> None:
    with (
        locked(workspace.daemon_lock),
        server(port, status=200),
        launched(workspace, port) as process,
    ):
        output, errors = process.communicate(timeout=40)
    assert (process.returncode, errors) == (0, "")
    assert "already running" in output


def test_a_port_of_another_program_is_one_line(workspace: Workspace, port: int) -> None:
    with server(port, status=404), launched(workspace, port) as process:
        _, errors = process.communicate(timeout=40)
    assert process.returncode == 1
    assert len(errors.splitlines()) == 1
    assert f"Port {port} is taken" in errors


@pytest.mark.parametrize("who", ["daemon", "app"])
def test_a_program_that_dies_at_once_is_shown_with_its_last_words(
    workspace: Workspace, port: int, who: str
) -> None:
    (workspace.runs / f"{who}.log").write_text("words of an earlier start\n")
    dying = "raise SystemExit('my last words')"
    with launched(workspace, port, **{who: dying}) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"The {who} ended by itself." in errors
    assert "my last words" in errors
    assert "earlier start" not in errors
    assert not running.app_answers(port)
