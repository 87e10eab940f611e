"""A workspace to look at: two cards at home, a training in the middle, others around it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread

from core.clock import now, to_text
from core.files import save_json
from core.furnish import furnish
from core.paths import Workspace
from core.run.failure import Failure, FailureKind
from core.run.notes import make_notes, save_notes
from core.run.phase import Phase, Stage
from core.run.preparation import Preparation, save_preparation
from tests.adding import add
from tests.gallery import readings
from tests.gallery.story import Course, Story

LIVE = Course(steps=4800, seconds_per_step=2.2, eval_every=200, save_every=400, noise=0.07)
SPEC = """\
run:
  name: {name}
  gpus: 1
base_model: {model}
datasets:
  - path: ./uploads/{dataset}/train.jsonl
    type: chat_template
adapter: {adapter}
lora_r: {rank}
lora_alpha: {rank}
lora_target_linear: true
sequence_len: 2048
micro_batch_size: 4
gradient_accumulation_steps: 2
num_epochs: 3
optimizer: adamw_torch
learning_rate: {rate}
lr_scheduler: cosine
save_steps: {save_every}
eval_steps: {eval_every}
"""
OUT_OF_MEMORY = Failure(
    FailureKind.GPU_MEMORY,
    "The GPU ran out of memory.",
    "Halve `micro_batch_size` and double `gradient_accumulation_steps`, or lower `sequence_len`.",
    (
        '  File "transformers/models/qwen3/modeling_qwen3.py", line 82, in forward',
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.16 GiB. GPU 0 has a total "
        "capacity of 11.63 GiB of which 412.31 MiB is free.",
    ),
    37,
)
SUBJECTS = ("invoice", "delivery", "password", "refund", "warranty", "address", "discount", "order")


@dataclass(frozen=True)
class Gallery:
    """The workspace, and the runs that are looked at by name."""

    workspace: Workspace
    live: Story
    starting: Story
    failed: Story
    completed: Story
    other: Story


def spec(name: str, course: Course, **choices: object) -> str:
    """What was asked for."""
    chosen = {"model": "Qwen/Qwen3-1.7B", "dataset": "support-chats", "adapter": "lora", "rank": 16}
    return SPEC.format_map(
        {
            "name": name,
            "rate": f"{course.learning_rate:.1e}",
            "save_every": course.save_every,
            "eval_every": course.eval_every,
            **chosen,
            **choices,
        }
    )


def make(root: Path) -> Gallery:
    """Fill the folder."""
    workspace = Workspace(root)
    for folder in (workspace.queue, workspace.rejected, workspace.models):
        folder.mkdir(parents=True)
    furnish(workspace)
    _add_datasets(workspace)
    at = now()
    completed, other = _add_completed(workspace, at)
    _add_cancelled(workspace, at)
    failed = _add_failed(workspace, at)
    live = _add_live(workspace, at)
    starting = _add_starting(workspace, at)
    _add_waiting(workspace, at)
    _add_rejected(workspace)
    gallery = Gallery(workspace, live, starting, failed, completed, other)
    _add_readings(gallery, at)
    beat(gallery)
    return gallery


@contextmanager
def alive(gallery: Gallery, pause_s: float = 1.0) -> Iterator[None]:
    """A stand-in for daemon, sampler and training goes on with the workspace, in a thread."""
    over = Event()

    def go_on() -> None:
        while not over.wait(pause_s):
            move_on(gallery)

    thread = Thread(target=go_on, name="stand-in")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def move_on(gallery: Gallery) -> None:
    """What happens in a moment: a step, readings, a sign of life."""
    at, live = now(), gallery.live
    live.at = max(live.at, at - timedelta(seconds=live.course.seconds_per_step))
    if live.at < at and live.step < live.course.steps:
        live.trains(live.step + 1)
    live.write()
    second = timedelta(seconds=1)
    readings.write_seconds(gallery.workspace, at, at + second, lambda index, at: index == 0)
    readings.write_machine(gallery.workspace, at, at + second, 5)
    beat(gallery)


def beat(gallery: Gallery) -> None:
    """The daemon's heartbeat: it lives, and sees the two trainings on the cards."""
    processes = [
        {"pid": 4100 + index, "memory_mib": memory_mib, "run_id": story.paths.run_id}
        for index, (story, memory_mib) in enumerate(((gallery.live, 9402), (gallery.starting, 168)))
    ]
    browser = {"pid": 977, "memory_mib": 212, "name": "Xorg", "user": "mia"}
    record = {
        "beat_at": to_text(now()),
        "version": "0.1.0",
        "gpus": [readings.seen(0, processes[0], browser), readings.seen(1, processes[1])],
        "free_gpus": [],
        "troubles": [],
        "standby": {"state": "ready", "ranks": 1, "memory_mib": 620, "reason": ""},
    }
    save_json(gallery.workspace.heartbeat, record, durable=False)


def _add_datasets(workspace: Workspace) -> None:
    chats = [_chat(number) for number in range(480)]
    add(workspace, "support-chats.jsonl", _lines([*chats, {"messages": []}]), validation=0.05)
    poems = [
        {"text": f"Over hill {n}, under cloud {n * 7 % 90}, the river sings."} for n in range(90)
    ]
    add(workspace, "poems.jsonl", _lines(poems))


def _chat(number: int) -> dict[str, object]:
    subject = SUBJECTS[number % len(SUBJECTS)]
    turns = (
        ("user", f"I have a question about the {subject} of my order {4000 + number}."),
        ("assistant", f"Happy to help with your {subject}. What would you like to know?"),
        ("user", "When will it be settled?" if number % 3 else "Can I change it myself?"),
        ("assistant", f"Yes: open your account, choose the order {4000 + number}, then {subject}."),
    )
    return {"messages": [{"role": role, "content": text} for role, text in turns]}


def _lines(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _add_live(workspace: Workspace, at: datetime) -> Story:
    """About 3,000 steps so far: paused for a while, and once killed and gone on by itself."""
    name = "support-qwen3-lora"
    begun_at = at - timedelta(hours=2, minutes=9)
    story = Story(workspace, name, begun_at, spec(name, LIVE), LIVE)
    story.passes(41)
    story.begins()
    story.trains(1150)
    story.stops(Phase.PAUSING, "asked to pause")
    story.passes(4)
    story.stops(Phase.PAUSED, "paused at step 1150")
    story.passes(11 * 60)
    story.moves(Phase.QUEUED, "resumed")
    story.begins()
    story.trains(2130)
    story.says("[WARNING] [axolotl] the data loader is slower than the GPU")
    story.says("RuntimeError: CUDA error: unspecified launch failure")
    story.stops(Phase.QUEUED, "the training crashed at step 2131; goes on from step 2000")
    story.step = 2000
    story.passes(20)
    story.begins()
    while story.at < at:
        story.trains(story.step + 1)
    story.changes = {"retries": 1}
    story.write()
    save_notes(story.paths.notes, make_notes("Longer rows than last week.", ["support", "long"]))
    return story


def _add_starting(workspace: Workspace, at: datetime) -> Story:
    course = Course(steps=1400)
    story = _new(workspace, "poems-qwen3", at - timedelta(seconds=25), course, dataset="poems")
    story.gpus = (1,)
    story.passes(14)
    story.begins(until=Stage.MODEL)
    story.write()
    return story


def _add_waiting(workspace: Workspace, at: datetime) -> None:
    reasons = {
        "support-rank-64": "waits for GPU 0 or 1, where other runs train",
        "support-4b-qlora": "waits behind the run before it",
    }
    for position, (name, reason) in enumerate(reasons.items(), 1):
        story = _new(workspace, name, at - timedelta(minutes=40 - 7 * position), LIVE, rank=64)
        story.moves(Phase.QUEUED, reason)
        story.changes = {"position": position}
        story.write()
        if position == 1:
            _prepare(workspace, story)
    paused = _new(workspace, "poems-long", at - timedelta(hours=30), Course(steps=900))
    _train(paused, 410, Phase.PAUSED, "paused at step 410")


def _prepare(workspace: Workspace, story: Story) -> None:
    """The next one's data is being prepared."""
    preparation = workspace.preparation(story.paths.run_id)
    preparation.folder.mkdir(parents=True)
    seconds = {"imports": 6.1, "config": 0.7}
    save_preparation(preparation.record, Preparation("dataset", seconds, 456))


def _add_completed(workspace: Workspace, at: datetime) -> tuple[Story, Story]:
    kinds: list[tuple[str, Course, dict[str, object], tuple[str, ...]]] = [
        ("support-rank-8", Course(last_loss=1.22), {"rank": 8}, ("support",)),
        ("support-rank-32", Course(last_loss=1.01, noise=0.05), {"rank": 32}, ("support", "best")),
        (
            "support-fast-rate",
            Course(learning_rate=1e-3, last_loss=1.31, noise=0.14),
            {"rank": 16},
            ("support",),
        ),
        (
            "poems-06b",
            Course(steps=620, seconds_per_step=0.8, first_loss=3.1, last_loss=1.9),
            {"model": "Qwen/Qwen3-0.6B", "dataset": "poems"},
            (),
        ),
    ]
    stories = []
    for number, (name, course, choices, tags) in enumerate(kinds):
        story = _new(workspace, name, at - timedelta(hours=70 - 13 * number), course, **choices)
        done = f"trained {course.steps} steps"
        _train(story, course.steps, Phase.COMPLETED, done)
        if tags:
            save_notes(story.paths.notes, make_notes("", tags))
        stories.append(story)
    return stories[1], stories[0]


def _add_cancelled(workspace: Workspace, at: datetime) -> None:
    story = _new(workspace, "support-too-long", at - timedelta(hours=22), LIVE)
    _train(story, 480, Phase.CANCELLED, "cancelled by hand")


def _add_failed(workspace: Workspace, at: datetime) -> Story:
    course = Course(steps=2000, eval_every=500)
    story = _new(
        workspace, "support-4b-lora", at - timedelta(hours=4), course, model="Qwen/Qwen3-4B"
    )
    story.changes = {"failure": OUT_OF_MEMORY, "resumable": False}
    _train(story, 36, Phase.FAILED, "the GPU ran out of memory", OUT_OF_MEMORY.lines)
    return story


def _add_rejected(workspace: Workspace) -> None:
    (workspace.rejected / "draft.yaml").write_text("base_model: x\n")
    reason = "`datasets` is missing: a run needs rows to learn from."
    (workspace.rejected / "draft.reason.txt").write_text(reason)


def _add_readings(gallery: Gallery, at: datetime) -> None:
    """A week by minutes, and the last hours by seconds."""
    since = gallery.live.begun_at
    begun_at = since - timedelta(minutes=5)

    def trains(index: int, at: datetime) -> bool:
        return index == 0 if at > since else (at.hour + index) % 7 < 4

    week = at.replace(second=0, microsecond=0) - timedelta(days=7)
    readings.write_minutes(gallery.workspace, week, begun_at, trains)
    readings.write_seconds(gallery.workspace, begun_at, at, trains)
    readings.write_machine(gallery.workspace, week, begun_at, 60)
    readings.write_machine(gallery.workspace, begun_at, at, 5)


def _new(workspace: Workspace, name: str, at: datetime, course: Course, **choices: object) -> Story:
    return Story(workspace, name, at, spec(name, course, **choices), course)


def _train(
    story: Story, until: int, phase: Phase, reason: str, last_lines: tuple[str, ...] = ()
) -> None:
    """It is started, trains so far, and ends or rests like that."""
    story.passes(25)
    story.begins()
    story.trains(until)
    for line in last_lines:
        story.says(line)
    if phase is Phase.COMPLETED:
        story.journal("done", step=until)
        (story.paths.output / "adapter_config.json").write_text("{}")
        (story.paths.output / "adapter_model.safetensors").write_bytes(bytes(4096))
    story.stops(phase, reason)
    story.write()
