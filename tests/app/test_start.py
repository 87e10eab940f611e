from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import to_text
from core.files import append_json_line
from core.paths import RunPaths
from streamlit_app.start import End, Span, Start, Warmth, find_start
from streamlit_app.start_reader import StartReader
from streamlit_app.timeline import Event

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
LATE = 99.0


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@dataclass
class Story:
    """What a run and its trainer tell; the daemon takes it at noon, seconds count from then."""

    events: list[Event] = field(default_factory=list)
    journal: list[dict[str, Any]] = field(default_factory=list)

    def phase(self, phase: str, at_s: float, attempt: int = 1) -> "Story":
        self.events.append(Event(after(at_s), phase, "", attempt, ()))
        return self

    def says(self, entry: str, at_s: float, attempt: int = 1, **more: Any) -> "Story":
        where = {"at": to_text(after(at_s)), "attempt": attempt, "entry": entry}
        self.journal.append(where | more)
        return self

    def stages(self, attempt: int = 1, **begun_s: float) -> "Story":
        for stage, at_s in begun_s.items():
            self.says("stage", at_s, attempt, stage=stage)
        return self

    def told(self, now_s: float = LATE, attempt: int = 1) -> Start:
        start = find_start(self.events, self.journal, attempt, after(now_s))
        assert start is not None
        return start


def taken(queued_s: float = -0.1) -> Story:
    return Story().phase("queued", queued_s, attempt=0).phase("starting", 0)


def seconds(start: Start) -> dict[str, float]:
    return {span.stage: round(span.seconds, 3) for span in start.spans}


def test_a_warm_start_goes_from_stage_to_stage_to_its_first_step() -> None:
    story = taken().stages(imports=0.01).says("start", 0.02, cold="").stages(config=0.02)
    story.stages(dataset=0.05, model=0.15, evaluating=0.4, training=0.5).says("first_step", 0.9)
    start = story.stages(evaluating=3, saving=4).told()
    assert seconds(start) == {
        "spawn": 0.01,
        "imports": 0.01,
        "config": 0.03,
        "dataset": 0.1,
        "model": 0.25,
        "evaluating": 0.1,
        "training": 0.4,
    }
    assert start.spans[-1].begun_s == 0.5
    assert (start.end, start.warmth) == (End.FIRST_STEP, Warmth.WARM)
    assert start.total_s == pytest.approx(1.0)


def test_the_open_stage_lasts_until_now() -> None:
    start = taken().says("start", 0.1, cold="why").stages(imports=0.1).told(now_s=4)
    assert start.end is End.OPEN
    assert start.spans[-1] == Span("imports", 0.1, 3.9)
    assert taken().told(now_s=0.5).spans == (Span("spawn", 0, 0.5),)


def test_a_first_step_that_takes_long_is_open_while_the_run_is_running() -> None:
    story = taken().says("start", 0.1, cold="").stages(training=2).phase("running", 2)
    start = story.told(now_s=60)
    assert (start.end, start.spans[-1]) == (End.OPEN, Span("training", 2, 58))


def test_a_standby_that_was_still_getting_ready_was_half_warm() -> None:
    story = taken().stages(imports=0.01)
    assert story.told(now_s=3).warmth is None
    assert story.says("start", 5, cold="").stages(config=5).told().warmth is Warmth.HALF_WARM


def test_a_cold_start_tells_why() -> None:
    start = taken().says("start", 0.1, cold="no standby was there yet").stages(imports=0.1).told()
    assert (start.warmth, start.cold) == (Warmth.COLD, "no standby was there yet")


@pytest.mark.parametrize(
    ("stages", "begun_s", "end"),
    [
        ({"imports": 1, "model": 3, "training": 5, "evaluating": 9, "ending": 12}, 5, "training"),
        ({"imports": 1, "model": 3, "evaluating": 5, "training": 6}, 6, "training"),
        ({"imports": 1, "model": 3}, LATE, "open"),
    ],
)
def test_an_older_version_tells_no_more_than_when_training_began(
    stages: dict[str, float], begun_s: float, end: str
) -> None:
    start = taken().stages(**stages).told()
    assert (start.seconds, start.end, start.warmth) == (begun_s, end, None)
    assert "training" not in seconds(start)


def test_an_attempt_with_no_step_left_to_train_has_no_first_step() -> None:
    story = taken().says("start", 0, cold="").stages(model=1, training=2, ending=3)
    assert story.told().end is End.TRAINING


def test_an_attempt_that_ended_before_its_first_step_broke_off() -> None:
    story = taken().says("start", 0.1, cold="").stages(imports=0.1, model=3).phase("failed", 7)
    start = story.phase("queued", 8).told()
    assert (start.end, start.spans[-1]) == (End.BROKEN_OFF, Span("model", 3, 4))


def test_a_pause_is_no_end_before_the_process_has_ended() -> None:
    story = taken().says("start", 0.1, cold="").stages(model=1).phase("pausing", 3)
    assert story.told(now_s=4).end is End.OPEN
    assert story.phase("paused", 5).told().seconds == 5


def test_only_the_attempt_that_is_asked_for_is_told() -> None:
    story = taken().stages(imports=1).phase("queued", 5).phase("starting", 6, attempt=2)
    story.stages(attempt=2, imports=7, model=9)
    assert seconds(story.told(now_s=5)) == {"spawn": 1, "imports": 4}
    assert seconds(story.told(now_s=10, attempt=2)) == {"spawn": 1, "imports": 2, "model": 1}
    assert find_start(story.events, story.journal, 3, NOON) is None


def test_the_wait_is_since_the_submit_or_the_return_to_the_queue() -> None:
    first = taken(queued_s=-0.3).told()
    assert (first.counted_wait_s, first.returned) == (0.3, False)
    story = taken().phase("paused", 5).phase("queued", 7).phase("starting", 8, attempt=2)
    again = story.told(attempt=2)
    assert (again.counted_wait_s, again.returned) == (1, True)
    assert Story().phase("starting", 0).told().waited_s is None


def test_a_long_wait_is_no_part_of_the_start() -> None:
    start = taken(queued_s=-10_000).says("start", 1, cold="").told(now_s=3)
    assert (start.waited_s, start.counted_wait_s, start.total_s) == (10_000, None, 3)


def test_a_clock_that_was_set_back_makes_no_time_negative() -> None:
    story = taken(queued_s=5).stages(imports=-60, config=-3).says("first_step", -2)
    start = story.told()
    assert start.waited_s == 0
    assert all(span.seconds == 0 for span in start.spans)


def test_what_cannot_be_read_is_left_out() -> None:
    story = taken().says("stage", 1).says("start", 1).stages(model=2, training=3)
    story.journal += [{"attempt": 1, "entry": "stage", "at": 5}, {"attempt": 1}]
    story.journal += [{"attempt": 1, "entry": "first_step", "at": "x"}]
    assert seconds(story.told(now_s=4)) == {"spawn": 1, "None": 1, "model": 1, "training": 1}


def test_a_stage_that_is_said_twice_goes_on() -> None:
    start = taken().says("stage", 1, stage="model").says("stage", 2, stage="model").told(now_s=3)
    assert seconds(start) == {"spawn": 1, "model": 2}


def test_the_journal_is_read_no_more_once_the_first_step_is_done(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    reader = StartReader(paths, 1)
    assert reader.look(NOON) is None
    story = taken().says("start", 0.1, cold="").stages(training=1).says("first_step", 2)
    event = {"at": to_text(NOON), "phase": "starting", "attempt": 1}
    append_json_line(paths.events, event)
    for entry in story.journal[:2]:
        append_json_line(paths.journal, entry)
    start = reader.look(after(1.5))
    assert start and (start.end, start.seconds) == (End.OPEN, 1.5)
    append_json_line(paths.journal, story.journal[2])
    start = reader.look(after(9))
    assert start and (start.end, start.seconds) == (End.FIRST_STEP, 2)
    paths.journal.unlink()
    assert reader.look(after(99)) == start
