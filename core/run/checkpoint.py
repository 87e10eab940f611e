"""Which checkpoint of a run can be resumed from exactly; damaged ones are put aside.

Transformers writes a checkpoint file by file and flushes none of them, and its own choice of the
newest one fails for ever on half a checkpoint, or goes on with a fresh optimizer.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import RecordError
from core.files import file_size, load_json, sync_folder
from core.run.damage import find_damage

NAME = re.compile(r"checkpoint-([0-9]+)")
STATE = "trainer_state.json"
ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin")
WEIGHTS = (*ADAPTERS, "model.safetensors", "pytorch_model.bin", "pytorch_model_fsdp.bin")
INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
NEEDED_JSON = (STATE, "adapter_config.json", "config.json", "tokens_state.json", *INDEXES)
"""What is read at a resume; the tokenizer's files, for one, are not."""

RNG = re.compile(r"rng_state_([0-9]+)\.pth")
LOSSES = re.compile(r"losses_([0-9]+)\.json")
SHARDED = re.compile(r"(?:pytorch_model_fsdp|optimizer)_[0-9]+")
SHARDED_OPTIMIZER = re.compile(r"optimizer_[0-9]+")
DEEPSPEED = re.compile(r"global_step[0-9]+")


@dataclass(frozen=True)
class Resume:
    """Where to go on from: `step` 0 without a checkpoint is the beginning.

    `set_aside` tells of each damaged checkpoint, newest first, in one sentence.
    """

    checkpoint: Path | None
    step: int
    set_aside: tuple[str, ...] = ()


def find_resume(output: Path) -> Resume:
    """The newest checkpoint that is whole; newer ones that are not are quarantined.

    For a run of which no process lives: one that is being written looks damaged. Raises OSError
    when the disk fails.
    """
    set_aside: list[str] = []
    for step, folder in reversed(list_checkpoints(output)):
        trouble = find_trouble(folder)
        if not trouble:
            return Resume(folder, step, tuple(set_aside))
        name = quarantine(folder).name
        set_aside.append(f"{trouble}, so it was put aside as {name}, which may be deleted.")
    return Resume(None, 0, tuple(set_aside))


def list_checkpoints(output: Path) -> list[tuple[int, Path]]:
    """Every folder called `checkpoint-<step>`, whole or not, with its step; the oldest first."""
    found = [(NAME.fullmatch(path.name), path) for path in output.glob("checkpoint-*")]
    return sorted((int(match[1]), path) for match, path in found if match and path.is_dir())


def find_trouble(folder: Path) -> str:
    """Why training cannot go on exactly from the checkpoint, in one sentence; empty if it can.

    Raises OSError when the disk fails.
    """
    return next(_find_troubles(folder), "")


def quarantine(folder: Path) -> Path:
    """Rename a damaged checkpoint to `bad-checkpoint-<step>`, and return where it is now.

    Not `checkpoint-<step>.bad`: Transformers counts whatever begins with `checkpoint-` when it
    deletes the oldest, and would delete a good one for it.
    """
    target, number = folder.with_name(f"bad-{folder.name}"), 2
    while os.path.lexists(target):
        target = folder.with_name(f"bad-{folder.name}-{number}")
        number += 1
    folder.rename(target)
    sync_folder(folder.parent)
    return target


def _find_troubles(folder: Path) -> Iterator[str]:
    names = {path.name for path in folder.iterdir() if path.exists()}
    if not names:
        yield f"{folder.name} is empty"
    # Without its state a checkpoint is unfinished: that comes before what else may be missing.
    yield from _check_state(folder, names)
    for missing in _find_missing(folder, names):
        yield f"{folder.name} has no {missing}"
    for path in _list_files(folder):
        damage = find_damage(path)
        if damage:
            yield f"{path.relative_to(folder)} of {folder.name} {damage}"


def _check_state(folder: Path, names: set[str]) -> Iterator[str]:
    if STATE not in names:
        yield f"{folder.name} is unfinished (it has no {STATE})"
        return
    try:
        step = load_json(folder / STATE).get("global_step")
    except RecordError:
        yield f"{STATE} of {folder.name} holds no readable JSON"
        return
    if f"checkpoint-{step}" != folder.name:
        yield f"{STATE} of {folder.name} is of step {step}"


def _find_missing(folder: Path, names: set[str]) -> Iterator[str]:
    """What a resume needs and does not find, or would silently begin anew without."""
    if not _has_weights(folder, names):
        yield "weights"
    for index in sorted(names.intersection(INDEXES)):
        yield from sorted(_name_shards(folder / index) - names)
    if names.intersection(ADAPTERS) and "adapter_config.json" not in names:
        yield "adapter_config.json"
    if _any(DEEPSPEED, names):
        yield from _find_missing_deepspeed(folder)
    else:
        yield from _find_missing_optimizer(names)
    for name in sorted(names):
        # Written last, so it is the mark of a complete set of shards.
        if SHARDED.fullmatch(name) and not file_size(folder / name / ".metadata"):
            yield f"{name}/.metadata"
    yield from _find_missing_rng(names)


def _has_weights(folder: Path, names: set[str]) -> bool:
    if names.intersection((*WEIGHTS, *INDEXES)):
        return True
    if _any(SHARDED, names) or _any(DEEPSPEED, names):
        return True
    # Several adapters lie in a folder each.
    return any((folder / name / file).is_file() for name in names for file in ADAPTERS)


def _name_shards(index: Path) -> set[str]:
    """The files that the index names; none when it cannot be read, which is told of its damage."""
    try:
        return set(map(str, load_json(index)["weight_map"].values()))
    except (RecordError, KeyError, AttributeError):
        return set()


def _find_missing_deepspeed(folder: Path) -> Iterator[str]:
    """DeepSpeed keeps weights, optimizer and schedule in a folder, which `latest` names at last."""
    try:
        name = (folder / "latest").read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        name = ""
    if not DEEPSPEED.fullmatch(name) or not (folder / name).is_dir():
        yield "complete DeepSpeed state"


def _find_missing_optimizer(names: set[str]) -> Iterator[str]:
    if not (names & {"optimizer.pt", "optimizer.bin"} or _any(SHARDED_OPTIMIZER, names)):
        yield "optimizer.pt"
    if "scheduler.pt" not in names:
        yield "scheduler.pt"


def _find_missing_rng(names: set[str]) -> Iterator[str]:
    """One state, or one for each of at least two ranks, of which each also left its losses."""
    if "rng_state.pth" in names:
        return
    found, ranks = _ranks(RNG, names), _ranks(LOSSES, names)
    if not found and len(ranks) < 2:
        yield "rng_state.pth"
        return
    for rank in range(max(2, max(found | ranks) + 1)):
        if rank not in found:
            yield f"rng_state_{rank}.pth"


def _ranks(pattern: re.Pattern[str], names: set[str]) -> set[int]:
    return {int(match[1]) for name in names if (match := pattern.fullmatch(name))}


def _list_files(folder: Path) -> list[Path]:
    """The files to look into; what lies in folders is left to the library that wrote it."""
    files = [*folder.glob("*"), *folder.glob("*/adapter_model.*")]
    return sorted(
        path
        for path in files
        if path.is_file() and (path.suffix != ".json" or path.name in NEEDED_JSON)
    )


def _any(pattern: re.Pattern[str], names: set[str]) -> bool:
    return any(pattern.fullmatch(name) for name in names)
