from datetime import UTC, datetime, timedelta

from core.clock import to_text
from streamlit_app.timeline import Event, StageTime, events, saved_at, stage_times

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
STARTED = [Event(NOON, "starting", "", 1, ())]


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def stage(name: str, seconds: float, attempt: int = 1) -> dict[str, object]:
    return {"at": to_text(after(seconds)), "attempt": attempt, "entry": "stage", "stage": name}


def test_each_stage_lasts_until_the_next_one() -> None:
    journal = [stage("imports", 0.5), stage("config", 3.5), stage("model", 4)]
    assert stage_times(STARTED, journal, 1, after(10)) == [
        StageTime("spawn", 0.5),
        StageTime("imports", 3.0),
        StageTime("config", 0.5),
        StageTime("model", 6.0, is_open=True),
    ]


def test_the_stages_end_with_the_training() -> None:
    journal = [stage("imports", 1), stage("training", 4), stage("saving", 9)]
    times = stage_times(STARTED, journal, 1, after(99))
    assert [(time.stage, time.is_open) for time in times] == [("spawn", False), ("imports", False)]


def test_imports_done_before_the_start_took_no_time_of_it() -> None:
    journal = [stage("imports", -60), stage("config", 0.2)]
    times = stage_times(STARTED, journal, 1, after(1))
    assert [round(time.seconds, 1) for time in times] == [0.0, 0.2, 0.8]


def test_an_earlier_attempt_is_left_out() -> None:
    journal = [stage("imports", 1), stage("imports", 5, attempt=2)]
    assert [time.stage for time in stage_times(STARTED, journal, 1, after(9))] == [
        "spawn",
        "imports",
    ]
    assert stage_times(STARTED, journal, 2, after(9)) == []


def test_events_that_cannot_be_read_are_left_out() -> None:
    good = {"at": to_text(NOON), "phase": "running", "reason": "x", "attempt": 1, "changes": ["y"]}
    assert events([good, {"phase": "x"}, {"at": "noon"}, {"at": 5}]) == [
        Event(NOON, "running", "x", 1, ("y",))
    ]


def test_a_checkpoint_was_saved_when_its_newest_entry_says() -> None:
    entries = [
        {"at": to_text(after(second)), "entry": "checkpoint", "step": 20} for second in (1, 9)
    ]
    assert saved_at([*entries, {"entry": "checkpoint", "step": "x", "at": "y"}]) == {20: after(9)}
