"""The commands of a shell, run as a person runs them: on files, with and without a daemon."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import now
from core.heartbeat import Heartbeat, SeenStandby
from core.paths import CODE_ROOT, RunPaths, Workspace
from core.run.failure import Failure, FailureKind
from core.run.phase import Phase, Verb
from core.run.status import Progress, RunStatus
from core.run.store import Store
from core.safe_yaml import load_yaml_mapping
from daemon import records
from daemon.shell.arguments import VERBS
from daemon.shell.liveness import Daemon, describe_standby
from daemon.shell.logs import MAX_TAIL_BYTES, Log
from daemon.shell.wish import Wish, find_effect
from daemon.supervisor import Supervisor
from tests.real import environment
from tests.supervision import (
    phase,
    spec_text,
    supervising,
    the_run,
    tick_until,
)
from tests.waiting import wait_until

Shell = Callable[..., "subprocess.CompletedProcess[str]"]
NASTY = "\x1b[31mred\x1b]0;title\x07\x00 \u202eabc"
SHOWN = "red abc"


@pytest.fixture
def shell(workspace: Workspace) -> Shell:
    """Runs one command to its end, its output neither a terminal nor mixed."""

    def run(*words: str, told: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command(*words),
            env=environment(workspace.root),
            input=told,
            capture_output=True,
            text=True,
        )

    return run


def command(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "daemon", *words]


def start(workspace: Workspace, *words: str) -> "subprocess.Popen[str]":
    """One command, that goes on while the test does."""
    return subprocess.Popen(
        command(*words),
        env=environment(workspace.root),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def on_terminal(workspace: Workspace, *words: str, **variables: str) -> bytes:
    """What the command sends to a terminal."""
    master, slave = os.openpty()
    env = environment(workspace.root) | {"TERM": "xterm", "COLUMNS": "200"} | variables
    with subprocess.Popen(command(*words), env=env, stdout=slave, stdin=slave) as process:
        os.close(slave)
        shown = b""
        try:
            while piece := os.read(master, 65536):
                shown += piece
        except OSError:  # the last writer has closed it
            pass
        process.wait()
    os.close(master)
    return shown


def put(workspace: Workspace, run_id: str, to: Phase = Phase.QUEUED, **changes: object) -> RunPaths:
    """A run as the daemon leaves it on disk."""
    paths = workspace.run(run_id)
    paths.requests.mkdir(parents=True)
    at = now()
    status = RunStatus(run_id=run_id, name=run_id[16:], submitted_at=at, since=at, phase=to)
    records.save(paths, replace(status, **changes))
    return paths


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if "20260101-" in line]


def test_an_empty_folder_has_a_status(tmp_path: Path) -> None:
    result = subprocess.run(
        command("status"), env=environment(tmp_path), capture_output=True, text=True
    )
    assert result.returncode == 0
    assert result.stderr == ""
    assert "daemon is not running" in result.stdout.splitlines()[0]
    assert "No runs yet" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    result = subprocess.run(
        command("status"), env=environment(tmp_path / "none"), capture_output=True, text=True
    )
    assert result.returncode == 1
    assert f"There is no folder {tmp_path / 'none'}" in result.stderr


def test_status_shows_what_runs_what_waits_in_order_and_why(
    workspace: Workspace, shell: Shell
) -> None:
    waits = {"to": Phase.QUEUED}
    put(workspace, "20260101-000001-b", **waits, position=2, reason="waits for GPU 1")
    put(workspace, "20260101-000002-a", **waits, position=1, reason="waits for night")
    put(workspace, "20260101-000003-c", Phase.PAUSED, reason="paused on request")
    put(
        workspace,
        "20260101-000004-d",
        Phase.FAILED,
        reason="the disk was full",
        attempt=3,
        retries=2,
    )
    put(
        workspace,
        "20260101-000005-e",
        Phase.RUNNING,
        stage="training",
        attempt=1,
        gpus=(0, 1),
        progress=Progress(step=250, total_steps=1000, eta_s=3725),
        since=now() - timedelta(minutes=5),
    )
    shown = shell("status").stdout
    assert [row[0] for row in rows(shown)] == [
        "20260101-000005-e",
        "1",
        "2",
        "20260101-000003-c",
        "20260101-000004-d",
    ]
    running, first, second, paused, failed = (" ".join(row) for row in rows(shown))
    assert "running (training) 25% 250/1,000 1h02m 0,1 1 5m0" in running
    assert first.endswith("waits for night") and second.endswith("waits for GPU 1")
    assert paused.endswith("paused on request")
    assert "3 (2 retries)" in failed and failed.endswith("the disk was full")


def test_only_the_last_finished_are_shown_unless_all_are_wanted(
    workspace: Workspace, shell: Shell
) -> None:
    for number in range(7):
        put(
            workspace,
            f"20260101-00000{number}-x",
            Phase.COMPLETED,
            since=now() - timedelta(hours=number),
        )
    last = [row[0] for row in rows(shell("status").stdout)]
    assert last == [f"20260101-00000{number}-x" for number in range(5)]
    assert len(rows(shell("status", "--all").stdout)) == 7


def test_why_a_run_waits_is_shown_on_a_narrow_terminal_too(workspace: Workspace) -> None:
    put(workspace, "20260101-000001-" + "a" * 40, position=1, reason="waits for GPU 1")
    lines = on_terminal(workspace, "status", COLUMNS="60").decode().splitlines()
    assert "     waits for GPU 1" in lines
    assert max(map(len, lines[1:])) <= 60


def test_status_for_scripts_holds_the_records(workspace: Workspace, shell: Shell) -> None:
    put(workspace, "20260101-000001-a", Phase.RUNNING, name=NASTY)
    put(workspace, "20260101-000002-b", position=1)
    (workspace.queue / "new.yaml").write_text("x: 1")
    told = json.loads(shell("status", "--json").stdout)
    assert told["daemon"]["lives"] is False
    assert [run["name"] for run in told["running"]] == [NASTY]
    assert [run["run_id"] for run in told["waiting"]] == ["20260101-000002-b"]
    assert told["dropped"] == ["new.yaml"]


def test_a_record_that_cannot_be_read_hides_no_other(workspace: Workspace, shell: Shell) -> None:
    put(workspace, "20260101-000001-good", Phase.COMPLETED)
    broken = put(workspace, "20260101-000002-broken", Phase.RUNNING)
    broken.status.write_text('{"run_id": ')
    workspace.heartbeat.write_text("[]")
    result = shell("status")
    assert result.returncode == 0
    assert "20260101-000001-good" in result.stdout
    assert "Without a readable record: 20260101-000002-broken" in result.stdout
    one = shell("status", "20260101-000002")
    assert one.returncode == 2
    assert "20260101-000002-broken cannot be read" in one.stderr


@pytest.mark.parametrize("words", [("status",), ("status", "20260101"), ("logs", "20260101")])
def test_nothing_written_by_others_steers_the_terminal(
    workspace: Workspace, words: tuple[str, ...]
) -> None:
    paths = put(
        workspace,
        "20260101-000001-a",
        Phase.FAILED,
        name=NASTY,
        reason=f"{NASTY}\nsecond line",
        failure=Failure(FailureKind.OTHER, NASTY, NASTY, (NASTY,)),
    )
    paths.log.write_text(f"{NASTY}\n")
    shown = on_terminal(workspace, *words, NO_COLOR="1").decode()
    assert SHOWN in shown
    assert not {"\x1b", "\x07", "\x00", "\u202e"} & set(shown)


def test_colours_are_for_terminals_that_want_them(workspace: Workspace, shell: Shell) -> None:
    put(workspace, "20260101-000001-a", Phase.FAILED)
    assert b"\x1b[31m" in on_terminal(workspace, "status")
    assert b"\x1b" not in on_terminal(workspace, "status", NO_COLOR="1")
    assert b"\x1b" not in on_terminal(workspace, "status", TERM="dumb")
    assert "\x1b" not in shell("status").stdout


def test_one_run_is_shown_with_its_failure_and_its_checkpoints(
    workspace: Workspace, shell: Shell
) -> None:
    paths = put(
        workspace,
        "20260101-000001-a",
        Phase.FAILED,
        reason="out of memory",
        failure=Failure(
            FailureKind.GPU_MEMORY,
            "The GPU ran out of memory.",
            "Halve the micro batch.",
            ("CUDA out of memory.",),
            7,
        ),
    )
    for step in (5, 10):
        paths.checkpoint(step).mkdir(parents=True)
        (paths.checkpoint(step) / "trainer_state.json").write_text("{}")
    shown = shell("status", "a").stdout
    assert "Failed at step 7 (gpu-memory): The GPU ran out of memory." in shown
    assert "What to try: Halve the micro batch." in shown
    assert "  | CUDA out of memory." in shown
    assert "5, 10" in shown
    record = json.loads(shell("status", "a", "--json").stdout)
    assert (record["checkpoints"], record["failure"]["step"]) == ([5, 10], 7)


def test_a_run_is_named_by_id_by_a_beginning_or_by_name(workspace: Workspace, shell: Shell) -> None:
    put(workspace, "20260101-000001-lora", Phase.COMPLETED)
    put(workspace, "20260101-000002-lora", Phase.FAILED)
    put(workspace, "20260102-000001-full", Phase.RUNNING)
    put(workspace, "20260102-000001-full-2", Phase.RUNNING, name="other")

    def meant(word: str) -> str:
        return shell("status", word).stdout.partition("\n")[0]

    assert meant("20260101-000001-lora") == meant("20260101-000001") == "20260101-000001-lora"
    assert meant("20260102-000001-full") == meant("full") == "20260102-000001-full"
    assert meant("lora") == "20260101-000002-lora"


def test_a_name_that_fits_several_is_answered_with_the_candidates(
    workspace: Workspace, shell: Shell
) -> None:
    put(workspace, "20260101-000001-a", Phase.RUNNING, name="same")
    put(workspace, "20260101-000002-b", name="same")
    put(workspace, "20260101-000003-c", Phase.COMPLETED, name="same")
    result = shell("cancel", "same")
    assert result.returncode == 2
    assert "20260101-000001-a (running)" in result.stderr
    assert "20260101-000002-b (queued)" in result.stderr
    assert "000003" not in result.stderr
    several = shell("cancel", "20260101")
    assert several.returncode == 2
    assert "begins 3 runs" in several.stderr
    assert list(workspace.runs.glob("*/requests/*")) == []


def test_a_run_that_is_not_there_is_said_and_nothing_is_asked_of_the_others(
    workspace: Workspace, shell: Shell
) -> None:
    paths = put(workspace, "20260101-000001-a", Phase.RUNNING)
    result = shell("cancel", "a", "../a", "", "b")
    assert result.returncode == 2
    assert "no run with the id or the name `../a`" in result.stderr
    assert list(paths.requests.iterdir()) == []


def test_a_spec_that_cannot_run_is_not_dropped_and_neither_are_its_companions(
    workspace: Workspace, store: Store, shell: Shell, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(spec_text("good"))
    bad.write_text(spec_text("bad").replace("models/tiny", "models/tyny"))
    result = shell("submit", str(good), str(bad))
    assert result.returncode == 2
    assert "Did you mean `tiny`?" in result.stderr
    assert result.stdout == ""
    assert store.dropped() == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b"a: " + b"x" * 1024 * 1024, "at most 1,048,576"),
        (b"run: [1]\n", "must be a block"),
        (b"a: &a [*a]", "holds itself"),
    ],
)
def test_a_file_that_is_no_spec_is_refused_with_the_reason(
    workspace: Workspace, store: Store, shell: Shell, tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "x.yaml").write_bytes(content)
    result = shell("submit", str(tmp_path / "x.yaml"), "--priority", "1")
    assert result.returncode == 2
    assert words in result.stderr
    assert store.dropped() == []


def test_without_a_daemon_the_spec_waits_in_the_queue_as_it_was_written(
    workspace: Workspace, store: Store, shell: Shell, tmp_path: Path
) -> None:
    text = "# mine\r\n" + spec_text("my run")
    (tmp_path / "x.yaml").write_bytes(text.encode())
    result = shell("submit", str(tmp_path / "x.yaml"))
    assert result.returncode == 0
    assert result.stdout == "runs/queue/my-run.yaml\n"
    assert "daemon is not running" in result.stderr
    assert [path.read_bytes() for path in store.dropped()] == [text.encode()]


def test_a_spec_from_a_pipe_can_be_given_name_and_priority(
    workspace: Workspace, store: Store, shell: Shell
) -> None:
    shell("submit", "-", "--name", "other", "--priority", "7", told=spec_text("first"))
    [path] = store.dropped()
    spec = load_yaml_mapping(path.read_bytes())
    assert path.name == "other.yaml"
    assert spec["run"] == {"name": "other", "owner": "steps-3", "priority": 7}
    assert spec["learning_rate"] == 1e-4


def test_a_file_that_is_not_there_is_told(shell: Shell, tmp_path: Path) -> None:
    for name in ("none.yaml", "models"):
        result = shell("submit", str(tmp_path / name))
        assert result.returncode == 2
        assert f"{name} cannot be read" in result.stderr


def test_a_spec_without_a_name_is_called_after_its_file(
    workspace: Workspace, shell: Shell, tmp_path: Path
) -> None:
    text = spec_text("x").replace("name: x", "priority: 1")
    (tmp_path / "My first (2).yaml").write_text(text)
    shell("submit", str(tmp_path / "My first (2).yaml"))
    assert [path.name for path in Store(workspace).dropped()] == ["my-first-2.yaml"]


def finish(supervisor: Supervisor, process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Turn the daemon's loop until the command has ended; its exit code and what it said."""
    tick_until(supervisor, lambda: process.poll() is not None)
    out, err = process.communicate()
    return process.returncode, out, err


@pytest.mark.parametrize(("behaviour", "code"), [("steps-3", 0), ("fail", 1)])
def test_submit_can_wait_for_the_end_and_tells_it_by_its_code(
    workspace: Workspace, tmp_path: Path, behaviour: str, code: int
) -> None:
    (tmp_path / "x.yaml").write_text(spec_text("x", behaviour))
    with supervising(workspace) as supervisor:
        supervisor.tick()
        ended = finish(supervisor, start(workspace, "submit", "--wait", str(tmp_path / "x.yaml")))
    run = the_run(workspace, "x")
    assert ended[:2] == (code, f"{run.run_id}\n")
    assert f"{run.run_id} {run.status.phase}" in ended[2]


def test_equal_specs_are_told_as_the_runs_they_became(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(spec_text("x", "hang"))
    with supervising(workspace) as supervisor:
        supervisor.tick()
        process = start(workspace, "submit", *[str(tmp_path / "x.yaml")] * 2)
        code, out, _ = finish(supervisor, process)
    assert code == 0
    assert sorted(out.split()) == sorted(run.run_id for run in Store(workspace).runs())
    assert len(set(out.split())) == 2


def test_what_the_daemon_refuses_is_told_with_its_reason(
    workspace: Workspace, tmp_path: Path
) -> None:
    # The daemon still has the settings of its start, which allow no folder outside.
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    shutil.copytree(workspace.models / "tiny", outside / "tiny")
    workspace.configs.mkdir()
    workspace.settings.write_text(f"allowed_folders: [{outside}]\n")
    text = spec_text("x").replace("./models/tiny", str(outside / "tiny"))
    (tmp_path / "x.yaml").write_text(text)
    with supervising(workspace) as supervisor:
        supervisor.tick()
        code, out, err = finish(supervisor, start(workspace, "submit", str(tmp_path / "x.yaml")))
    assert (code, out) == (2, "")
    assert "x was rejected" in err
    assert str(outside) in err


def test_a_wish_that_does_not_fit_is_refused_and_the_others_are_asked(
    workspace: Workspace, store: Store, shell: Shell
) -> None:
    put(workspace, "20260101-000001-a", Phase.COMPLETED)
    put(workspace, "20260101-000002-b", Phase.RUNNING)
    result = shell("pause", "a", "b")
    assert result.returncode == 1
    assert "a is completed" in result.stderr
    assert store.requested("20260101-000001-a") == []
    assert store.requested("20260101-000002-b") == [Verb.PAUSE]


def test_without_a_daemon_a_wish_is_kept_and_that_is_said(
    workspace: Workspace, store: Store, shell: Shell
) -> None:
    put(workspace, "20260101-000001-a", Phase.RUNNING)
    result = shell("cancel", "a")
    assert result.returncode == 0
    assert "it obeys once it runs" in result.stderr
    assert store.requested("20260101-000001-a") == [Verb.CANCEL]


def test_a_move_carries_the_place(workspace: Workspace, shell: Shell) -> None:
    paths = put(workspace, "20260101-000001-a", position=3)
    assert shell("move", "a", "0").returncode == 2
    assert shell("move", "a", "first").returncode == 2
    assert shell("move", "a", "2").returncode == 0
    [request] = paths.requests.iterdir()
    wish = load_yaml_mapping(request.read_bytes())
    assert (wish["verb"], wish["to"]) == ("move", 2)


def test_cancel_waits_until_the_run_is_gone(workspace: Workspace, store: Store) -> None:
    store.submit("a", spec_text("a", "hang"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "running")
        code, out, _ = finish(supervisor, start(workspace, "cancel", "a", "--wait"))
        assert phase(workspace, "a") == "cancelled"
    assert code == 0
    assert "is cancelled" in out


def test_a_run_is_held_back_moved_and_resumed_from_a_shell(
    workspace: Workspace, store: Store
) -> None:
    store.submit("now", spec_text("now", "hang"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "now") == "running")
        for name in ("b", "c"):
            store.submit(name, spec_text(name))
            tick_until(supervisor, lambda name=name: phase(workspace, name) == "queued")
        for words in (
            ("move", "c", "1", "--wait"),
            ("pause", "c", "--wait"),
            ("resume", "c", "--wait"),
        ):
            assert finish(supervisor, start(workspace, *words))[0] == 0, words
            if words[0] == "move":
                assert [run.status.name for run in store.queue()] == ["c", "b"]
            if words[0] == "pause":
                assert phase(workspace, "c") == "paused"
        assert phase(workspace, "c") == "queued"


AT = now()
RUNNING = RunStatus("r", "r", AT, AT, phase=Phase.RUNNING, attempt=1)
FAILED = replace(RUNNING, phase=Phase.FAILED)
PAUSED = replace(RUNNING, phase=Phase.PAUSED)


@pytest.mark.parametrize(
    ("verb", "before", "change", "answered", "met"),
    [
        (Verb.PAUSE, RUNNING, {}, False, None),
        (Verb.PAUSE, RUNNING, {}, True, False),
        (Verb.PAUSE, RUNNING, {"phase": Phase.PAUSING}, True, None),
        (Verb.PAUSE, RUNNING, {"phase": Phase.PAUSED}, True, True),
        (Verb.PAUSE, RUNNING, {"phase": Phase.COMPLETED}, True, False),
        (Verb.CANCEL, RUNNING, {"phase": Phase.CANCELLING}, True, None),
        (Verb.CANCEL, RUNNING, {"phase": Phase.CANCELLED}, True, True),
        (Verb.CHECKPOINT, RUNNING, {}, True, None),
        (Verb.CHECKPOINT, RUNNING, {"latest_checkpoint": "checkpoint-3"}, True, True),
        (Verb.CHECKPOINT, RUNNING, {"phase": Phase.FAILED}, True, False),
        (Verb.RESUME, PAUSED, {"phase": Phase.QUEUED}, True, True),
        (Verb.RESUME, PAUSED, {"phase": Phase.FAILED}, True, False),
        (Verb.RETRY, FAILED, {}, True, False),
        (Verb.RETRY, FAILED, {"phase": Phase.STARTING}, False, True),
        (Verb.RETRY, FAILED, {"attempt": 2}, True, True),
        (
            Verb.RETRY,
            replace(RUNNING, phase=Phase.QUEUED, retry_at=AT),
            {"retry_at": None},
            True,
            True,
        ),
        (Verb.SHRINK, FAILED, {"phase": Phase.QUEUED, "shrinks": 1}, True, True),
        (Verb.SHRINK, FAILED, {}, True, False),
        (Verb.MOVE, replace(RUNNING, phase=Phase.QUEUED), {"position": 1}, True, True),
        (Verb.MOVE, replace(RUNNING, phase=Phase.QUEUED), {"position": 3}, True, False),
        (Verb.MOVE, replace(RUNNING, phase=Phase.QUEUED), {"position": 1}, False, None),
        (Verb.MOVE, replace(RUNNING, phase=Phase.QUEUED), {"phase": Phase.RUNNING}, True, False),
    ],
)
def test_a_wish_is_met_when_its_effect_shows_and_not_when_it_was_only_answered(
    verb: Verb, before: RunStatus, change: dict, answered: bool, met: bool | None
) -> None:
    effect = find_effect(Wish(verb, before, Path("x"), 2), replace(before, **change), answered)
    assert (effect.met if effect else None) is met


def test_logs_ends_with_the_lines_that_were_asked_for(workspace: Workspace, shell: Shell) -> None:
    paths = put(workspace, "20260101-000001-a", Phase.RUNNING)
    paths.log.write_text("".join(f"line {number}\n" for number in range(100)) + "half")
    assert shell("logs", "a", "-n", "3").stdout == "line 98\nline 99\nhalf"
    assert shell("logs", "a", "-n", "0").stdout == ""
    assert len(shell("logs", "a").stdout.splitlines()) == 40
    assert shell("logs", "a", "-n", "5000").stdout == paths.log.read_text()
    assert shell("logs", "a", "-n", "-1").returncode == 2


def test_a_run_without_a_log_says_why(workspace: Workspace, shell: Shell) -> None:
    put(workspace, "20260101-000001-a", reason="waits for GPU 0")
    result = shell("logs", "a")
    assert (result.returncode, result.stdout) == (0, "")
    assert "no log yet" in result.stderr and "waits for GPU 0" in result.stderr


def test_following_a_log_prints_what_is_added_until_the_run_is_finished(
    workspace: Workspace,
) -> None:
    paths = put(workspace, "20260101-000001-a", Phase.RUNNING)
    paths.log.write_text("old\nhalf")
    with start(workspace, "logs", "a", "-f") as process:
        assert process.stdout.readline() == "old\n"
        with paths.log.open("a") as log:
            log.write(" and whole\nnew\n")
        assert process.stdout.readline() == "half and whole\n"
        assert process.stdout.readline() == "new\n"
        paths.log.write_text("cut\n")
        assert process.stdout.readline() == "cut\n"
        with paths.log.open("a") as log:
            log.write("last, without an end")
        status = replace(Store(workspace).find_run(paths.run_id).status, phase=Phase.COMPLETED)
        records.save(paths, status)
        out, err = process.communicate()
    assert out == "last, without an end"
    assert "is completed" in err
    assert process.returncode == 0


def test_a_log_is_read_from_its_end_and_never_twice(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    with path.open("wb") as file:
        file.seek(10 * MAX_TAIL_BYTES)
        file.write(b"\nlast\n")
    log = Log(path)
    assert log.read_last(1) == b"last\n"
    assert log.read_new() == b""
    with path.open("ab") as file:
        file.write(b"more")
    assert log.read_new() == b"more"
    assert log.read_new() == b""
    # A log without a line end costs no more than a bounded piece of it.
    assert len(Log(path).read_last(100)) == MAX_TAIL_BYTES


def test_a_progress_bar_on_a_terminal_is_its_last_state(workspace: Workspace) -> None:
    paths = put(workspace, "20260101-000001-a", Phase.FAILED)
    paths.log.write_text("\r".join(f"{number}%" for number in range(101)) + "\nafter\n")
    assert on_terminal(workspace, "logs", "a").split() == [b"100%", b"after"]


def test_a_reader_that_has_seen_enough_is_no_error(workspace: Workspace) -> None:
    paths = put(workspace, "20260101-000001-a", Phase.FAILED)
    paths.log.write_text("x" * 100 + "\n" * 1000 + "y" * 2_000_000)
    with start(workspace, "logs", "a", "-n", "9999") as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == ""


def test_every_command_is_in_the_help(shell: Shell) -> None:
    listed = {line.split()[0] for line in shell("--help").stdout.splitlines() if line.strip()}
    assert listed >= {"status", "submit", "move", "logs", "doctor", *(verb.value for verb in VERBS)}
    assert {*VERBS, Verb.MOVE} == set(Verb)


@pytest.mark.parametrize(
    "words", [("frobnicate",), ("cancel",), ("status", "--jsn"), ("move", "a")]
)
def test_what_is_no_command_is_told_with_code_2(shell: Shell, words: tuple[str, ...]) -> None:
    result = shell(*words)
    assert result.returncode == 2
    assert "usage:" in result.stderr


def test_a_quick_look_loads_neither_the_daemon_nor_the_checks(workspace: Workspace) -> None:
    script = (
        "import sys; from daemon.__main__ import main; main(['status']);"
        "print(sorted({'daemon.supervisor', 'watchdog', 'pynvml'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env=environment(workspace.root),
        cwd=CODE_ROOT,
        capture_output=True,
        text=True,
    )
    assert result.stdout.splitlines()[-1] == "[]"


def test_the_daemon_is_told_as_living_with_its_troubles(workspace: Workspace, shell: Shell) -> None:
    with supervising(workspace) as supervisor:
        supervisor.troubles["disk"] = "the disk is on fire"
        wait_until(
            lambda: "the disk is on fire" in shell("status").stdout, supervisor.tick, pause_s=0
        )
        supervisor.beaten_at = float("-inf")
        supervisor.tick()
        shown = shell("status").stdout.splitlines()
    assert shown[0].startswith("The daemon lives (version ")
    assert "Trouble: the disk is on fire" in shown[1]


READY = SeenStandby("ready", ranks=1, memory_mib=614)
NO_MEMORY = SeenStandby("none", "only\x1b[31m 1 GiB")


@pytest.mark.parametrize(
    ("daemon", "told"),
    [
        (
            Daemon(Heartbeat(AT, "1", (), (), (), READY), True, True),
            "Standby: ready, the next run starts in about a second. It takes 0.6 GiB of memory.",
        ),
        (
            Daemon(Heartbeat(AT, "1", (), (), (), NO_MEMORY), True, True),
            "Standby: none: only 1 GiB.",
        ),
        (Daemon(Heartbeat(AT, "1", (), (), (), SeenStandby("none")), True, True), "Standby: none."),
        (Daemon(Heartbeat(AT, "1", (), (), (), SeenStandby("new")), True, True), ""),
        (Daemon(Heartbeat(AT, "1", (), (), ()), True, True), ""),
        (Daemon(Heartbeat(AT, "1", (), (), (), READY), False, False), ""),
        (Daemon(None, False, False), ""),
    ],
)
def test_the_standby_is_told_where_a_living_daemon_tells_of_one(daemon: Daemon, told: str) -> None:
    assert describe_standby(daemon) == told


def test_status_has_a_line_for_the_standby(workspace: Workspace, shell: Shell) -> None:
    # The supervisor of the tests starts its trainers itself, and so keeps none warm.
    told = "Standby: switched off in the settings."
    with supervising(workspace) as supervisor:
        wait_until(lambda: told in shell("status").stdout.splitlines(), supervisor.tick, pause_s=0)
        record = json.loads(shell("status", "--json").stdout)
    assert record["daemon"]["standby"]["state"] == "off"
    assert json.loads(shell("status", "--json").stdout)["daemon"]["standby"] is None


def test_what_is_asked_can_be_read_by_a_daemon_of_another_user(workspace: Workspace) -> None:
    paths = put(workspace, "20260101-000001-a", Phase.RUNNING)
    subprocess.run(
        command("cancel", "a"), env=environment(workspace.root), umask=0o077, capture_output=True
    )
    [request] = paths.requests.iterdir()
    assert request.stat().st_mode & 0o777 == 0o644
