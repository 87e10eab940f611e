"""Runs that are paused, killed, cut off and picked up again, with the fake trainer."""

import os
import signal

import pytest

from core.files import parse_json_lines
from core.paths import Workspace
from core.run.failure import FailureKind
from core.run.phase import Verb
from core.run.store import Run, Store
from core.safe_yaml import load_yaml_mapping
from daemon.supervisor import Supervisor
from tests.supervision import (
    forgetting,
    living,
    phase,
    spec_text,
    supervising,
    the_run,
    tick_until,
)


def steps(run: Run) -> list[int]:
    """The steps that were trained, in the order in which they were logged."""
    return [row["step"] for row in parse_json_lines(run.paths.metrics.read_text().splitlines())]


def reasons(run: Run) -> list[str]:
    return [row["reason"] for row in parse_json_lines(run.paths.events.read_text().splitlines())]


def begun(workspace: Workspace, name: str, step: int = 1) -> bool:
    run = the_run(workspace, name)
    return bool(run) and run.status.progress.step >= step


def pause(supervisor: Supervisor, workspace: Workspace, name: str) -> Run:
    """The run once it is paused."""
    Store(workspace).request(the_run(workspace, name).run_id, Verb.PAUSE, by="ada")
    tick_until(supervisor, lambda: phase(workspace, name) == "paused")
    return the_run(workspace, name)


def test_a_paused_run_leaves_no_process_and_goes_on_at_the_next_step(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "steps-40 pace-20"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: begun(workspace, "a", 3))
        run = pause(supervisor, workspace, "a")
        assert living(run.paths) == []
        saved = run.checkpoints()[-1]
        assert run.status.reason == f"at step {saved}"
        store.request(run.run_id, Verb.RESUME)
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")
    run = the_run(workspace, "a")
    assert steps(run) == list(range(1, 41))
    assert (run.status.attempt, run.status.retries) == (2, 0)
    config = load_yaml_mapping(run.paths.axolotl_config.read_bytes())
    assert config["resume_from_checkpoint"] == f"./runs/{run.run_id}/output/checkpoint-{saved}"
    assert "pausing on request of ada" in reasons(run)


def test_a_run_paused_before_training_began_starts_from_the_beginning(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "slow-60000"))
    with supervising(workspace) as supervisor:
        tick_until(
            supervisor,
            lambda: the_run(workspace, "a") and the_run(workspace, "a").status.stage == "imports",
        )
        run = pause(supervisor, workspace, "a")
        assert living(run.paths) == []
        assert run.status.reason == "before training began"


def test_a_pause_in_an_evaluation_says_how_far_it_is(workspace: Workspace, store: Store) -> None:
    store.submit("a", spec_text("a", "steps-3 eval-2 pace-50"))
    said = set()
    with supervising(workspace) as supervisor:
        tick_until(
            supervisor,
            lambda: (run := the_run(workspace, "a")) and run.status.stage == "evaluating",
        )
        store.request(the_run(workspace, "a").run_id, Verb.PAUSE)

        def paused() -> bool:
            said.add(the_run(workspace, "a").status.reason)
            return phase(workspace, "a") == "paused"

        tick_until(supervisor, paused)
    assert any("waiting for the evaluation to end (" in reason for reason in said), said
    assert the_run(workspace, "a").checkpoints() == [2]


def test_a_queued_run_that_is_held_back_waits_for_its_resume(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "hang"))
    store.submit("b", spec_text("b"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "b") == "queued" and begun(workspace, "a"))
        held = pause(supervisor, workspace, "b")
        assert held.status.reason == "held back on request of ada"
        store.request(the_run(workspace, "a").run_id, Verb.CANCEL)
        tick_until(supervisor, lambda: phase(workspace, "a") == "cancelled")
        supervisor.tick()
        assert phase(workspace, "b") == "paused"
        store.request(held.run_id, Verb.RESUME)
        tick_until(supervisor, lambda: phase(workspace, "b") == "completed")


def test_checkpoint_now_saves_and_goes_on(workspace: Workspace, store: Store) -> None:
    store.submit("a", spec_text("a", "hang"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: begun(workspace, "a", 3))
        run = the_run(workspace, "a")
        store.request(run.run_id, Verb.CHECKPOINT)
        tick_until(supervisor, run.checkpoints)
        tick_until(supervisor, lambda: the_run(workspace, "a").status.resumable)
        assert phase(workspace, "a") == "running"


def test_a_killed_run_goes_on_from_its_last_checkpoint(workspace: Workspace, store: Store) -> None:
    store.submit("a", spec_text("a", "steps-9 save-2 kill-6"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")
    run = the_run(workspace, "a")
    assert steps(run) == [1, 2, 3, 4, 5, 5, 6, 7, 8, 9]
    assert (run.status.attempt, run.status.retries, run.status.died_at_step) == (2, 1, 6)


def test_a_checkpoint_torn_by_a_kill_is_set_aside_and_told(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "steps-9 save-2 torn-6"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")
    run = the_run(workspace, "a")
    assert steps(run)[6:8] == [5, 6]
    assert (run.paths.output / "bad-checkpoint-6").is_dir()
    events = parse_json_lines(run.paths.events.read_text().splitlines())
    told = [change for event in events for change in event.get("changes", [])]
    assert any("checkpoint-6" in change for change in told)


def test_a_run_whose_checkpoints_are_all_damaged_fails_and_a_retry_begins_anew(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "steps-9 pace-20 save-2"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: begun(workspace, "a", 3))
        run = pause(supervisor, workspace, "a")
        for step in run.checkpoints():
            (run.paths.checkpoint(step) / "optimizer.pt").unlink()
        store.request(run.run_id, Verb.RESUME)
        tick_until(supervisor, lambda: phase(workspace, "a") == "failed")
        failure = the_run(workspace, "a").status.failure
        assert failure.kind is FailureKind.NO_CHECKPOINT
        assert "optimizer.pt" in failure.sentence
        store.request(run.run_id, Verb.RETRY)
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")
    assert steps(run)[-9:] == list(range(1, 10))


@pytest.mark.parametrize("behaviour", ["poison-4", "poison-4 save-1"])
def test_a_step_that_kills_twice_is_not_tried_a_third_time(
    workspace: Workspace, store: Store, behaviour: str
) -> None:
    store.submit("a", spec_text("a", f"steps-9 {behaviour}", max_attempts=9))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "failed")
    status = the_run(workspace, "a").status
    assert status.failure.kind is FailureKind.SAME_STEP
    assert status.attempt == 2


def test_a_crash_is_tried_again_at_most_max_attempts_times(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "crash-2", max_attempts=1))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "failed")
        run = the_run(workspace, "a")
        assert run.status.failure.kind is FailureKind.CRASHED
        assert "try 1 of 1" in run.status.reason
        store.request(run.run_id, Verb.RETRY)
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")


def test_a_run_without_a_sign_of_life_is_ended_and_goes_on(
    workspace: Workspace, store: Store
) -> None:
    from dataclasses import replace

    from tests.supervision import SETTINGS

    store.submit("a", spec_text("a", "steps-9 save-1 freeze-5"))
    with supervising(workspace, replace(SETTINGS, hang_after_s=1.0)) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")
    run = the_run(workspace, "a")
    assert run.status.retries == 1
    assert any("hung in step 5" in reason for reason in reasons(run)), reasons(run)


def test_out_of_gpu_memory_is_cured_by_half_the_micro_batch_where_asked(
    workspace: Workspace, store: Store
) -> None:
    text = spec_text("a", "oom-4", on_oom="shrink") + "micro_batch_size: 8\n"
    store.submit("a", text)
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")
    run = the_run(workspace, "a")
    config = load_yaml_mapping(run.paths.axolotl_config.read_bytes())
    assert (config["micro_batch_size"], config["gradient_accumulation_steps"]) == (2, 4)
    assert run.status.shrinks == 2


def test_out_of_gpu_memory_offers_half_the_micro_batch(workspace: Workspace, store: Store) -> None:
    store.submit("a", spec_text("a", "oom-4") + "micro_batch_size: 4\n")
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "failed")
        run = the_run(workspace, "a")
        assert run.status.failure.kind is FailureKind.GPU_MEMORY
        store.request(run.run_id, Verb.SHRINK)
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")


def test_what_a_run_is_too_far_for_is_refused_and_changes_nothing(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "a") == "completed")
        run = the_run(workspace, "a")
        before = run.paths.status.read_bytes()
        for verb in Verb:
            store.request(run.run_id, verb)
        tick_until(supervisor, lambda: not store.requested(run.run_id))
        assert run.paths.status.read_bytes() == before


def test_an_interrupted_run_goes_on_by_itself_before_those_that_wait(
    workspace: Workspace, store: Store
) -> None:
    """As after a power cut: no process is left, no exit was written."""
    store.submit("a", spec_text("a", "steps-100 pace-20 save-1"))
    store.submit("b", spec_text("b"))
    with supervising(workspace) as first:
        tick_until(first, lambda: begun(workspace, "a", 3) and phase(workspace, "b") == "queued")
        run = the_run(workspace, "a")
        with forgetting(first):
            for pid in living(run.paths):
                os.kill(pid, signal.SIGKILL)
    with supervising(workspace) as second:
        tick_until(second, lambda: phase(workspace, "b") == "completed")
    run, other = the_run(workspace, "a"), the_run(workspace, "b")
    assert run.status.phase == "completed"
    assert run.status.ended_at <= other.status.started_at
    assert run.status.retries == 1
    assert sorted(set(steps(run))) == list(range(1, 101))


def test_a_pause_asked_of_a_daemon_that_died_is_carried_out_by_the_next(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "hang"))
    with supervising(workspace) as first:
        tick_until(first, lambda: begun(workspace, "a"))
        run = the_run(workspace, "a")
        live = first.roster.live[run.run_id]
        # It said that it pauses, and died before it could ask.
        live.process.pause = lambda: None
        live.pause("pausing")
        with forgetting(first), supervising(workspace) as second:
            tick_until(second, lambda: phase(workspace, "a") == "paused")


def test_a_pause_reaches_the_training_though_its_keeper_was_killed(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "hang"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: begun(workspace, "a"))
        run = the_run(workspace, "a")
        keeper = supervisor.roster.live[run.run_id].process.keeper
        keeper.kill()
        keeper.wait()
        paused = pause(supervisor, workspace, "a")
    assert paused.checkpoints()


def test_a_status_that_was_destroyed_is_made_again_from_the_events(
    workspace: Workspace, store: Store
) -> None:
    store.submit("a", spec_text("a", "hang"))
    store.submit("b", spec_text("b"))
    with supervising(workspace) as first:
        tick_until(first, lambda: begun(workspace, "a") and phase(workspace, "b") == "queued")
        run, other = the_run(workspace, "a"), the_run(workspace, "b")
        run.paths.status.write_bytes(b"")
        other.paths.status.write_text('{"phase": ')
        with forgetting(first), supervising(workspace) as second:
            assert run.run_id in second.roster.live
            assert [waiting.run_id for waiting in second.roster.waiting] == [other.run_id]
            assert list(run.paths.folder.glob(".status.json.corrupt-*"))
            store.request(run.run_id, Verb.CANCEL)
            tick_until(second, lambda: phase(workspace, "b") == "completed")
    assert phase(workspace, "a") == "cancelled"


def test_the_queue_is_reordered_and_keeps_its_order_over_a_restart(
    workspace: Workspace, store: Store
) -> None:
    store.submit("first", spec_text("first", "hang"))
    for name in "abc":
        store.submit(name, spec_text(name))

    def queue() -> list[str]:
        return [run.status.name for run in store.queue()]

    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: begun(workspace, "first") and len(queue()) == 3)
        assert queue() == ["a", "b", "c"]
        store.request(the_run(workspace, "c").run_id, Verb.MOVE, to=1)
        tick_until(supervisor, lambda: queue() == ["c", "a", "b"])
        store.request(the_run(workspace, "a").run_id, Verb.MOVE, to=3)
        tick_until(supervisor, lambda: queue() == ["c", "b", "a"])
        with forgetting(supervisor), supervising(workspace) as second:
            second.tick()
            assert queue() == ["c", "b", "a"]
