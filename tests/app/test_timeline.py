from datetime import UTC, datetime, timedelta

from core.clock import to_text
from streamlit_app.timeline import Event, events, saved_at

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


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
