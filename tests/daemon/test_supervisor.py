"""The daemon with a fake trainer: specs become runs, runs end, and the ending is the truth."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from core.files import parse_json_lines
from core.paths import Workspace
from core.run.phase import MOVES, Phase, Verb
from core.run.store import Store
from daemon.nvml import Gpu
from daemon.start import Start
from daemon.trainer_process import TrainerProcess
from tests.real import daemon
from tests.supervision import (
    SETTINGS,
    forgetting,
    living,
    phase,
    spec_text,
    supervising,
    the_run,
    tick_until,
)
from tests.waiting import wait_until


def events(workspace: Workspace, name: str) -> list[dict]:
    return parse_json_lines(the_run(workspace, name).paths.events.read_text().splitlines())


def test_a_dropped_spec_becomes_a_completed_run(workspace: Workspace, store: Store) -> None:
    text = spec_text("first", "steps-5")
    store.submit("first", text)
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "first") == "completed")
    run = the_run(workspace, "first")
    assert run.paths.spec.read_text() == text
    assert run.status.progress.step == run.status.progress.total_steps == 5
    assert [event["phase"] for event in events(workspace, "first")] == [
        "queued",
        "starting",
        "running",
        "completed",
    ]
    assert json.loads(run.paths.exit.read_text())["code"] == 0
    assert store.dropped() == []


def test_every_key_the_daemon_set_is_in_the_events(workspace: Workspace, store: Store) -> None:
    store.submit("a", spec_text("a"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")
    changes = events(workspace, "a")[1]["changes"]
    assert any(change.startswith("output_dir: ./runs/") for change in changes)
    assert any(change.startswith("bf16: False") for change in changes)


def test_runs_go_one_after_the_other_in_order(workspace: Workspace, store: Store) -> None:
    for name in ("a", "b", "c"):
        store.submit(name, spec_text(name, "steps-2"))
    most = 0
    with supervising(workspace) as supervisor:

        def all_ended() -> bool:
            nonlocal most
            most = max(most, len(supervisor.roster.live))
            return all(phase(workspace, name) == "completed" for name in ("a", "b", "c"))

        tick_until(supervisor, all_ended)
    assert most == 1
    starts = {name: events(workspace, name)[1]["at"] for name in ("a", "b", "c")}
    ends = {name: events(workspace, name)[-1]["at"] for name in ("a", "b", "c")}
    assert ends["a"] <= starts["b"] <= ends["b"] <= starts["c"]


def test_a_higher_priority_goes_first(workspace: Workspace, store: Store) -> None:
    store.submit("now", spec_text("now", "hang"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "now") == "running")
        store.submit("low", spec_text("low"))
        store.submit("high", spec_text("high", priority=5))
        tick_until(supervisor, lambda: len(store.queue()) == 2)
        assert [run.status.name for run in store.queue()] == ["high", "low"]
        assert [run.status.position for run in store.queue()] == [1, 2]


def test_a_spec_that_cannot_run_is_put_aside_with_its_reason(
    workspace: Workspace, store: Store
) -> None:
    text = "base_model: ./models/tyny\nlearning_rate: 1e-4\ndatasets: [{path: ./x.jsonl}]\n"
    store.submit("bad", text)
    with supervising(workspace) as supervisor:
        tick_until(supervisor, store.rejected)
    rejected = store.rejected()[0]
    assert rejected.path.read_text() == text
    assert "Did you mean `tiny`?" in rejected.reason
    assert "there is no file" in rejected.reason
    assert store.runs() == []


def test_files_that_are_traps_are_put_aside_unread(workspace: Workspace, store: Store) -> None:
    secret = workspace.root / "secret.yaml"
    secret.write_text("password: hunter2")
    (workspace.queue / "link.yaml").symlink_to(secret)
    (workspace.queue / "second.yaml").hardlink_to(secret)
    (workspace.queue / "folder.yaml").mkdir()
    os.mkfifo(workspace.queue / "pipe.yaml")
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: len(store.rejected()) == 4)
        store.submit("good", spec_text("good"))
        tick_until(supervisor, lambda: phase(workspace, "good") == "completed")
    assert "hunter2" not in "".join(item.reason for item in store.rejected())
    assert secret.read_text() == "password: hunter2"


def test_editors_leftovers_are_left_alone(workspace: Workspace, store: Store) -> None:
    names = [".x.yaml.swp", "4913", "x.yaml~", "x.yaml.bak", ".hidden.yaml", "--help.yaml"]
    for name in names:
        (workspace.queue / name).write_text(spec_text("x"))
    store.submit("good", spec_text("good"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "good") == "completed")
    left = {entry.name for entry in workspace.queue.iterdir()} - {workspace.wake.name}
    assert left == set(names)
    assert store.rejected() == []


def test_a_spec_written_slowly_is_taken_whole(workspace: Workspace, store: Store) -> None:
    text = spec_text("slow", "steps-4")
    path = workspace.queue / "slow.yaml"
    patient = replace(SETTINGS, queue_quiet_s=5)
    with supervising(workspace, patient) as supervisor, path.open("w") as file:
        for line in text.splitlines(keepends=True):
            file.write(line)
            file.flush()
            for _ in range(3):
                supervisor.tick()
        assert store.runs() == store.rejected() == []
        file.close()
        tick_until(supervisor, lambda: phase(workspace, "slow") == "completed")
    assert the_run(workspace, "slow").paths.spec.read_text() == text


def test_the_same_file_name_twice_makes_two_runs(workspace: Workspace, store: Store) -> None:
    with supervising(workspace) as supervisor:
        for count in (1, 2):
            store.submit("same", spec_text("same"))
            tick_until(supervisor, lambda count=count: len(store.runs()) == count)
    assert len({run.run_id for run in store.runs()}) == 2


@pytest.mark.parametrize(
    ("behaviour", "ending", "words"),
    [
        ("fail", "failed", "the data is not what it says"),
        ("silent", "failed", "without a word"),
        ("no-result", "failed", "left no model"),
    ],
)
def test_only_a_result_on_disk_counts_as_completed(
    workspace: Workspace, store: Store, behaviour: str, ending: str, words: str
) -> None:
    store.submit("a", spec_text("a", behaviour))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") in ("failed", "completed"))
    run = the_run(workspace, "a")
    assert run.status.phase == ending
    assert words in run.status.reason


def test_a_queued_run_that_is_cancelled_never_starts(workspace: Workspace, store: Store) -> None:
    store.submit("now", spec_text("now", "hang"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "now") == "running")
        store.submit("later", spec_text("later"))
        tick_until(supervisor, lambda: phase(workspace, "later") == "queued")
        store.request(the_run(workspace, "later").run_id, Verb.CANCEL)
        tick_until(supervisor, lambda: phase(workspace, "later") == "cancelled")
    assert not the_run(workspace, "later").paths.log.exists()
    assert store.requested(the_run(workspace, "later").run_id) == []


@pytest.mark.parametrize("behaviour", ["hang", "hang deaf", "hang orphan", "hang deaf orphan"])
def test_cancelling_leaves_no_process(workspace: Workspace, store: Store, behaviour: str) -> None:
    store.submit("a", spec_text("a", behaviour))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "running")
        run = the_run(workspace, "a")
        assert living(run.paths)
        store.request(run.run_id, Verb.CANCEL)
        store.request(run.run_id, Verb.CANCEL)
        tick_until(supervisor, lambda: phase(workspace, "a") == "cancelled")
    assert living(run.paths) == []


def test_a_trainer_outlives_the_daemon_and_is_found_again(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "hang"))
    with supervising(workspace) as first:
        tick_until(first, lambda: phase(workspace, "a") == "running")
        pids = living(the_run(workspace, "a").paths)
        with forgetting(first), supervising(workspace) as second:
            second.tick()
            assert living(the_run(workspace, "a").paths) == pids
            store.request(the_run(workspace, "a").run_id, Verb.CANCEL)
            tick_until(second, lambda: phase(workspace, "a") == "cancelled")
    assert living(the_run(workspace, "a").paths) == []


def test_an_ending_while_the_daemon_was_away_is_told_truly(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "steps-2"))
    with supervising(workspace) as first:
        tick_until(first, lambda: bool(first.roster.live))
        with forgetting(first):
            run = the_run(workspace, "a")
            wait_until(lambda: not living(run.paths))
            with supervising(workspace) as second:
                second.tick()
    assert phase(workspace, "a") == "completed"


def test_a_claim_without_a_status_is_taken_up(workspace: Workspace) -> None:
    folder = workspace.run("20260101-000000-claimed").folder
    folder.mkdir()
    (folder / "spec.yaml").write_text(spec_text("claimed"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "claimed") == "completed")


def test_a_step_that_fails_is_told_and_stops_nothing_else(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.submit("a", spec_text("a"))
    with supervising(workspace) as supervisor:

        def obey_requests() -> None:
            raise OSError("the disk is on fire")

        monkeypatch.setattr(supervisor, "obey_requests", obey_requests)
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")
        supervisor.beaten_at = float("-inf")
        supervisor.tick()
        troubles = json.loads(workspace.heartbeat.read_text())["troubles"]
        assert "obeying requests failed: the disk is on fire" in troubles


def test_a_queue_folder_that_was_replaced_is_watched_again(
    workspace: Workspace, store: Store
) -> None:
    # Patient, so that only an event can bring the spec in time.
    with supervising(workspace, replace(SETTINGS, queue_quiet_s=60)) as supervisor:
        supervisor.tick()
        workspace.queue.rename(workspace.runs / "old-queue")
        supervisor.tick()
        store.submit("a", spec_text("a"))
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")


def test_a_second_daemon_says_so_and_leaves(workspace: Workspace) -> None:
    with daemon(workspace) as first:
        wait_until(workspace.heartbeat.exists)
        second = run_daemon(workspace)
    assert second.returncode == 75
    assert "already supervises" in second.stderr
    assert first.returncode == 0


def test_bad_settings_are_told_by_their_key(workspace: Workspace) -> None:
    workspace.configs.mkdir()
    workspace.settings.write_text("poll_intervall_s: 3\n")
    result = run_daemon(workspace)
    assert result.returncode == 78
    assert "`poll_intervall_s` is no setting" in result.stderr


def test_the_heartbeat_says_when_the_daemon_was_last_alive(workspace: Workspace) -> None:
    with supervising(workspace) as supervisor:
        supervisor.tick()
    record = json.loads(workspace.heartbeat.read_text())
    assert record["pid"] == os.getpid()
    assert record["gpus"] == record["free_gpus"] == record["troubles"] == []


def test_every_move_of_a_run_is_one_of_the_table(workspace: Workspace, store: Store) -> None:
    store.submit("done", spec_text("done"))
    store.submit("stopped", spec_text("stopped", "hang"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "stopped") == "running")
        store.request(the_run(workspace, "stopped").run_id, Verb.CANCEL)
        tick_until(supervisor, lambda: phase(workspace, "stopped") == "cancelled")
    for name in ("done", "stopped"):
        phases = [Phase(event["phase"]) for event in events(workspace, name)]
        assert all(after in MOVES[before] for before, after in pairwise(phases))


def test_a_rejected_spec_stays_rejected_whatever_it_is_called(
    workspace: Workspace, store: Store
) -> None:
    evil = spec_text("evil").replace("run:", "plugins: [os.system]\nrun:")
    (workspace.queue / "spec.yaml").write_text(evil)
    with supervising(workspace) as supervisor:
        tick_until(supervisor, store.rejected)
    with supervising(workspace) as supervisor:
        for _ in range(5):
            supervisor.tick()
    assert store.runs() == []
    assert not (workspace.rejected / "axolotl.yaml").exists()


def test_what_was_checked_is_what_runs_though_a_writer_goes_on(
    workspace: Workspace, store: Store
) -> None:
    text = spec_text("a")
    path = store.submit("a", text)
    with path.open("a") as writer, supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") != "")
        writer.write("plugins: [os.system]\n")
        writer.flush()
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")
    assert the_run(workspace, "a").paths.spec.read_text() == text


def test_a_queued_spec_is_checked_again_by_the_next_daemon(
    workspace: Workspace, store: Store
) -> None:
    store.submit("now", spec_text("now", "hang"))
    store.submit("later", spec_text("later"))
    with supervising(workspace) as first:
        tick_until(first, lambda: phase(workspace, "later") == "queued")
    spec = the_run(workspace, "later").paths.spec
    spec.write_text(spec.read_text() + "plugins: [os.system]\n")
    with supervising(workspace):
        pass
    run = the_run(workspace, "later")
    assert run.status.phase == "failed"
    assert "would import code" in run.status.reason


@pytest.mark.parametrize(
    "trap",
    [
        'a: !!int ""',
        "a: !!set [1]",
        f"base_model: {'x' * 300}\nlearning_rate: 1e-4\ndatasets: [{{path: ./x.jsonl}}]",
        "base_model: ~nosuchuser/x\nlearning_rate: 1e-4\ndatasets: [{path: ./x.jsonl}]",
    ],
)
def test_a_trap_in_the_queue_harms_nobody_else(
    workspace: Workspace, store: Store, trap: str
) -> None:
    store.submit("a", spec_text("a"))
    store.submit("m", trap)
    store.submit("z", spec_text("z"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "z") == "completed")
        tick_until(supervisor, store.rejected)
    assert phase(workspace, "a") == "completed"


def test_a_request_that_is_a_trap_or_half_written_does_not_stop_a_cancel(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "hang"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "running")
        requests = the_run(workspace, "a").paths.requests
        (requests / "0-folder.yaml").mkdir()
        (requests / "0-tag.yaml").write_text('verb: !!int ""')
        half = requests / "1-cancel.yaml"
        half.write_text("ver")
        supervisor.tick()
        half.write_text("verb: cancel\n")
        tick_until(supervisor, lambda: phase(workspace, "a") == "cancelled")
    assert store.requested(the_run(workspace, "a").run_id) == []


def test_a_run_whose_daemon_died_before_the_start_is_queued_again(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a"))
    with supervising(workspace) as supervisor:
        supervisor.dispatch.launcher = replace(
            supervisor.dispatch.launcher, obtain=fail_with(SystemExit("killed here"))
        )
        with pytest.raises(SystemExit):
            tick_until(supervisor, lambda: False)
    assert phase(workspace, "a") == "starting"
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")


def test_a_full_disk_at_the_start_keeps_the_run_waiting(workspace: Workspace, store: Store) -> None:
    store.submit("a", spec_text("a"))
    with supervising(workspace) as supervisor:
        dispatch = supervisor.dispatch
        able = dispatch.launcher
        full = OSError(28, "No space left on device")
        dispatch.launcher = replace(able, obtain=fail_with(full))
        tick_until(supervisor, lambda: dispatch.troubles)
        supervisor.tick()
        assert "No space left" in dispatch.troubles[0]
        assert "No space left" in the_run(workspace, "a").status.reason
        assert len(supervisor.roster.waiting) == 1
        dispatch.launcher = able
        dispatch.clock = lambda: float("inf")
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")


def test_a_driver_that_comes_up_late_is_found(workspace: Workspace) -> None:
    with supervising(workspace) as supervisor:
        supervisor.tick()
        assert supervisor.gpus == []
        gpu = Gpu(0, "GPU-x", "card", 12288)
        supervisor.nvml = type("LateNvml", (), {"find_gpus": lambda self: [gpu]})()
        supervisor.tick()
        assert supervisor.gpus == [gpu]


def test_taking_up_a_long_run_reads_little_of_its_metrics(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "hang"))
    with supervising(workspace) as first:
        tick_until(first, lambda: phase(workspace, "a") == "running")
        run = the_run(workspace, "a")
        # The trainer has written its rows; from here on the file is ours.
        tick_until(first, lambda: first.roster.live[run.run_id].status.progress.step == 3)
        row = '{"at": "2026-01-01T00:00:00.000Z", "attempt": 1, "step": %d, "loss": 1.0}\n'
        run.paths.metrics.write_text("".join(row % step for step in range(50_000)))
        with forgetting(first), supervising(workspace) as second:
            followed = second.roster.live[run.run_id]
            assert followed.metrics_offset > run.paths.metrics.stat().st_size - 100_000
            second.tick()
            assert followed.status.progress.step == 49_999


def run_daemon(workspace: Workspace) -> "subprocess.CompletedProcess[str]":
    """A daemon that is expected to end by itself."""
    command = [sys.executable, "-P", "-m", "daemon"]
    env = os.environ | workspace.environment()
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


def fail_with(error: BaseException) -> Callable[[Start], TrainerProcess]:
    def obtain(start: Start) -> TrainerProcess:
        raise error

    return obtain
