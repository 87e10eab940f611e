"""How an attempt ended is judged from the files that it left in the run's folder."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.clock import now
from core.files import append_json_line, save_json
from core.paths import RunPaths
from core.process import boot_id
from core.run.failure import FailureKind
from core.run.journal import JournalReader
from core.run.status import RunStatus
from daemon.ending import Ending, Outcome, find_exit, judge_outcome
from tests.fake_trainer import write_weights

ATTEMPT = 2


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    """A run in its second attempt; the first one ended by an error."""
    paths = RunPaths(tmp_path / "20260101-000000-r")
    paths.output.mkdir(parents=True)
    write(paths, "plan", attempt=1, step=0, total_steps=60)
    write(paths, "error", attempt=1, kind="ValueError", message="of the first", stage="training")
    paths.log.write_text("=== attempt 1, x\nValueError: of the first\n=== attempt 2, x\nloading\n")
    return paths


def write(paths: RunPaths, entry: str, attempt: int = ATTEMPT, **fields: Any) -> None:
    append_json_line(paths.journal, {"attempt": attempt, "entry": entry, **fields})


def train(paths: RunPaths, step: int) -> None:
    """The second attempt has begun to train."""
    write(paths, "plan", step=0, total_steps=60)
    paths.beat.write_text(str(step))


def leave(paths: RunPaths, code: int | None = 0, signal: str | None = None, **more: Any) -> None:
    """The keeper's record."""
    save_json(paths.exit, {"attempt": ATTEMPT, "code": code, "signal": signal, **more})


def save_model(paths: RunPaths) -> None:
    write_weights(paths.output / "adapter_model.safetensors")


def end(paths: RunPaths, hung: bool = False) -> Ending:
    journal = JournalReader(paths.journal, ATTEMPT)
    journal.refresh()
    status = RunStatus(paths.run_id, "r", now(), now(), attempt=ATTEMPT)
    return judge_outcome(paths, status, journal, hung)


def test_completed_needs_the_last_word_and_the_model(paths: RunPaths) -> None:
    train(paths, 60)
    write(paths, "done", step=60)
    leave(paths)
    assert end(paths).failure.kind is FailureKind.NO_RESULT
    save_model(paths)
    assert end(paths) == Ending(Outcome.COMPLETED, "trained 60 steps", 60)


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "model-00002-of-00002.safetensors"])
@pytest.mark.parametrize("content", [b"", bytes(500), b"torn"])
def test_a_model_that_is_damaged_is_no_result(paths: RunPaths, name: str, content: bytes) -> None:
    train(paths, 60)
    write(paths, "done", step=60)
    save_model(paths)
    (paths.output / name).write_bytes(content)
    ending = end(paths)
    assert (ending.outcome, ending.failure.kind) == (Outcome.FAILED, FailureKind.NO_RESULT)
    assert f"but {name} is " in ending.reason


@pytest.mark.parametrize("record", [{"code": None, "signal": "SIGKILL"}, {"asked": "stop"}, None])
def test_what_came_after_the_last_word_changes_nothing(
    paths: RunPaths, record: dict | None
) -> None:
    train(paths, 60)
    write(paths, "done", step=60)
    save_model(paths)
    if record is not None:
        leave(paths, **record)
    assert end(paths, hung=True).outcome is Outcome.COMPLETED


def test_a_model_without_the_last_word_is_not_completed(paths: RunPaths) -> None:
    # So Axolotl leaves it when it is interrupted: half trained, and with exit code 0.
    train(paths, 30)
    save_model(paths)
    write(paths, "error", kind="SystemExit", message="0", stage="training")
    leave(paths)
    ending = end(paths)
    assert (ending.outcome, ending.failure.kind) == (Outcome.FAILED, FailureKind.KILLED)


def test_a_training_that_stopped_on_request_tells_the_step(paths: RunPaths) -> None:
    train(paths, 1235)
    write(paths, "stopped", step=1234)
    leave(paths, asked="stop")
    assert end(paths) == Ending(Outcome.STOPPED, "at step 1,234", 1235)


def test_an_error_after_the_checkpoint_of_a_stop_does_not_make_it_a_failure(
    paths: RunPaths,
) -> None:
    train(paths, 30)
    write(paths, "stopped", step=30)
    write(paths, "error", kind="OSError", message="No space left on device", stage="ending")
    assert end(paths).outcome is Outcome.STOPPED


def test_a_stop_before_training_began_lost_nothing(paths: RunPaths) -> None:
    leave(paths, None, "SIGTERM", asked="stop")
    assert end(paths) == Ending(Outcome.STOPPED, "before training began")


def test_a_stop_that_came_too_late_to_save_is_a_kill(paths: RunPaths) -> None:
    train(paths, 30)
    leave(paths, None, "SIGKILL", asked="stop")
    ending = end(paths)
    assert (ending.outcome, ending.failure.kind) == (Outcome.FAILED, FailureKind.KILLED)


def test_a_cancel_before_training_began_is_no_stop(paths: RunPaths) -> None:
    leave(paths, None, "SIGTERM", asked="cancel")
    assert end(paths).outcome is Outcome.FAILED


def test_a_failure_names_the_step_that_was_trained(paths: RunPaths) -> None:
    train(paths, 41)
    leave(paths, None, "SIGSEGV")
    ending = end(paths)
    assert (ending.step, ending.failure.step) == (41, 41)
    assert ending.reason == ending.failure.sentence


def test_a_step_of_an_earlier_attempt_is_not_taken_for_this_ones(paths: RunPaths) -> None:
    paths.beat.write_text("41")
    leave(paths, 1)
    assert end(paths).step is None


@pytest.mark.parametrize("text", ["", "\0\0", "four"])
def test_a_step_that_cannot_be_read_is_unknown(paths: RunPaths, text: str) -> None:
    train(paths, 41)
    paths.beat.write_text(text)
    leave(paths, 1)
    assert end(paths).step is None


def test_the_error_of_this_attempt_is_told_with_its_lines_and_advice(paths: RunPaths) -> None:
    train(paths, 3)
    write(paths, "error", kind="OutOfMemoryError", message="CUDA out of memory.", stage="training")
    paths.axolotl_config.write_text("micro_batch_size: 4\nadapter: lora\n")
    with paths.log.open("a") as log:
        log.write("\x1b[31mtorch.OutOfMemoryError: CUDA out of memory.\x1b[0m\n")
    leave(paths, 1)
    failure = end(paths).failure
    assert failure.kind is FailureKind.GPU_MEMORY
    assert failure.lines == ("torch.OutOfMemoryError: CUDA out of memory.",)
    assert "`micro_batch_size: 2` instead of 4" in failure.advice


def test_an_error_that_only_the_log_has_is_understood_by_the_stage(paths: RunPaths) -> None:
    write(paths, "stage", stage="dataset")
    with paths.log.open("a") as log:
        log.write("KeyError: 'instruction'\n")
    leave(paths, 1)
    assert end(paths).failure.kind is FailureKind.BAD_DATA


def test_of_a_huge_log_only_the_end_is_read(paths: RunPaths) -> None:
    with paths.log.open("a") as log:
        log.write("ValueError: far back\n" + "noise\n" * 60_000 + "ValueError: the last\n")
    leave(paths, 1)
    failure = end(paths).failure
    assert "the last" in failure.sentence
    assert failure.lines == ("ValueError: the last",)


def test_a_run_whose_files_are_gone_or_spoilt_still_gets_a_verdict(paths: RunPaths) -> None:
    paths.log.unlink()
    paths.axolotl_config.write_text("{")
    paths.lock.write_text("{")
    assert end(paths).failure.kind is FailureKind.VANISHED


def test_a_restart_of_the_machine_is_known_by_the_lock(paths: RunPaths) -> None:
    paths.lock.write_text(json.dumps({"pid": 1, "boot_id": boot_id(), "attempt": ATTEMPT}))
    assert "without a trace" in end(paths).reason
    paths.lock.write_text(json.dumps({"pid": 1, "boot_id": "another", "attempt": ATTEMPT}))
    assert "lost power or was restarted" in end(paths).reason


def test_a_hung_training_is_told_as_such(paths: RunPaths) -> None:
    train(paths, 41)
    leave(paths, None, "SIGKILL")
    assert end(paths, hung=True).failure.kind is FailureKind.HUNG


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"attempt": 1}', "\0" * 100])
def test_an_exit_record_that_cannot_be_used_counts_as_none(paths: RunPaths, text: str) -> None:
    paths.exit.write_text(text)
    assert find_exit(paths, attempt=ATTEMPT) is None
