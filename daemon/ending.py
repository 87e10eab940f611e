"""How an attempt ended, judged from what it left behind."""

import contextlib
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from core.clock import from_text
from core.errors import RecordError, SpecError
from core.files import load_json, read_tail, stamp
from core.paths import RunPaths
from core.process import boot_id
from core.run.damage import find_damage
from core.run.failure import Failure
from core.run.journal import JournalReader
from core.run.status import RunStatus
from core.safe_yaml import load_yaml_mapping
from daemon.attempt_log import pick_attempt
from daemon.diagnosis import Evidence, diagnose

ARTEFACTS = (
    "adapter_model.safetensors",
    "adapter_model.bin",
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
)
LOG_BYTES = 256 * 1024
FULL_BYTES = 1024 * 1024
"""With less than this free, nothing of a training can be written."""


class Outcome(StrEnum):
    """The three ways in which an attempt can end."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class Ending:
    """How an attempt ended and one sentence on why; a failed one has a `failure`.

    `step` is the step that was being trained; None when training had not begun. `at` is when it
    ended, which may be long before anybody looked; None when nothing tells.
    """

    outcome: Outcome
    reason: str
    step: int | None = None
    failure: Failure | None = None
    at: datetime | None = None


def judge(paths: RunPaths, status: RunStatus, journal: JournalReader, hung: bool = False) -> Ending:
    """How the attempt ended, and when; see `judge_outcome`."""
    ending = judge_outcome(paths, status, journal, hung)
    return replace(ending, at=find_end(paths, status.attempt))


def judge_outcome(paths: RunPaths, status: RunStatus, journal: JournalReader, hung: bool) -> Ending:
    """The truth about an attempt whose processes are gone; `hung` if that is why they were ended.

    Completed needs both the trainer's own last word and a whole model on disk: the exit code alone
    proves nothing, since Axolotl leaves with 0 when it is interrupted. Raises OSError when the
    disk fails.
    """
    begun = journal.last("plan") is not None
    step = read_step(paths) if begun else None
    done, stopped = journal.last("done"), journal.last("stopped")
    record = find_exit(paths, status.attempt)
    trouble = find_result_trouble(paths) if done else ""
    if done and not trouble:
        return Ending(Outcome.COMPLETED, f"trained {done['step']:,} steps", step)
    if stopped:
        return Ending(Outcome.STOPPED, f"at step {stopped['step']:,}", step)
    if not begun and record and record.get("asked") == "stop":
        return Ending(Outcome.STOPPED, "before training began")
    failure = diagnose(
        Evidence(
            error=journal.last("error"),
            exit=record,
            lines=pick_attempt(read_tail(paths.log, LOG_BYTES), status.attempt),
            config=read_config(paths),
            stage=str((journal.last("stage") or {}).get("stage", "")),
            step=step,
            hung=hung,
            result_trouble=trouble,
            disk_full=is_disk_full(paths),
            rebooted=was_rebooted(paths),
        )
    )
    return Ending(Outcome.FAILED, failure.sentence, step, failure)


def find_result_trouble(paths: RunPaths) -> str:
    """What is wrong with the final adapter or model; empty when it is there and whole."""
    found = [paths.output / name for name in ARTEFACTS if (paths.output / name).is_file()]
    if not found:
        return "it left no model"
    for path in [*found, *sorted(paths.output.glob("model-*.safetensors"))]:
        damage = find_damage(path)
        if damage:
            return f"{path.name} {damage}"
    return ""


def find_end(paths: RunPaths, attempt: int) -> datetime | None:
    """When the attempt ended: as its keeper wrote, else at its last sign of life."""
    record = find_exit(paths, attempt) or {}
    with contextlib.suppress(ValueError):
        return from_text(str(record.get("ended_at")))
    seen_at = max(stamp(path)[0] for path in (paths.beat, paths.journal, paths.log))
    return datetime.fromtimestamp(seen_at / 1e9, UTC) if seen_at else None


def find_exit(paths: RunPaths, attempt: int) -> dict[str, Any] | None:
    """The attempt's exit record, if its keeper came to write one."""
    try:
        record = load_json(paths.exit)
    except (OSError, RecordError):
        return None
    return record if record.get("attempt") == attempt else None


def read_step(paths: RunPaths) -> int | None:
    """The step that the trainer's last sign of life tells; None when it cannot be read."""
    try:
        return int(paths.beat.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def read_config(paths: RunPaths) -> dict[str, Any]:
    """What Axolotl was started with; empty when it cannot be read."""
    try:
        return load_yaml_mapping(paths.axolotl_config.read_bytes())
    except (OSError, SpecError):
        return {}


def is_disk_full(paths: RunPaths) -> bool:
    """Whether no room is left where the run writes."""
    try:
        return shutil.disk_usage(paths.folder).free < FULL_BYTES
    except OSError:
        return False


def was_rebooted(paths: RunPaths) -> bool:
    """Whether the machine was started anew since the last attempt began."""
    try:
        return load_json(paths.lock).get("boot_id") not in (None, boot_id())
    except (OSError, RecordError):
        return False
