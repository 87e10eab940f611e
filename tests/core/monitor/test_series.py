import json
from pathlib import Path

import pytest

from core import files
from core.paths import RunPaths
from streamlit_app.curves import Curves


def append(path: Path, *rows: dict[str, object], end: str = "") -> None:
    with path.open("a") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows) + end)


@pytest.fixture
def curves(tmp_path: Path) -> Curves:
    return Curves(RunPaths(tmp_path))


def losses(curves: Curves, key: str = "loss") -> list[tuple[float, float]]:
    curves.refresh()
    return list(zip(*(array.tolist() for array in curves.points(key)), strict=True))


def begin(curves: Curves, attempt: int, step: int) -> None:
    """The training of an attempt begins after a step."""
    append(curves.resumes.path, {"entry": "plan", "attempt": attempt, "step": step})


def train(curves: Curves, attempt: int, first: int, last: int) -> None:
    """A log event for each step; its loss tells the attempt it belongs to."""
    steps = range(first, last + 1)
    append(curves.path, *({"step": n, "loss": attempt, "attempt": attempt} for n in steps))


def evaluate(curves: Curves, attempt: int, step: int) -> None:
    append(curves.path, {"step": step, "eval_loss": attempt, "attempt": attempt})


def test_a_missing_file_has_no_points(curves: Curves) -> None:
    assert losses(curves) == []
    assert curves.last("loss") is None


def test_what_is_added_is_taken_in_and_a_torn_line_waits(curves: Curves) -> None:
    append(curves.path, {"step": 1, "loss": 2.5}, end='{"step": 2, "lo')
    assert losses(curves) == [(1, 2.5)]
    version = curves.version
    curves.refresh()
    assert curves.version == version
    append(curves.path, end='ss": 2.0}\n')
    assert losses(curves) == [(1, 2.5), (2, 2.0)]
    assert curves.version > version


def test_steps_trained_anew_replace_the_old_ones(curves: Curves) -> None:
    append(curves.path, *({"step": step, "loss": 9.0, "attempt": 1} for step in range(1, 6)))
    append(curves.path, {"step": 4, "loss": 1.0, "attempt": 2})
    assert losses(curves) == [(1, 9), (2, 9), (3, 9), (4, 1)]


def test_a_file_written_anew_starts_over(curves: Curves) -> None:
    append(curves.path, {"step": 1, "loss": 2.5}, {"step": 2, "loss": 2.5})
    curves.refresh()
    curves.path.write_text('{"step": 1, "loss": 1.0}\n')
    assert losses(curves) == [(1, 1.0)]


def test_values_that_are_no_numbers_are_left_out(curves: Curves) -> None:
    append(curves.path, {"step": "x", "loss": 1}, {"step": 1, "loss": "x"}, {"loss": 1})
    append(curves.path, {"step": 2, "loss": True}, end='{"step": 3, "loss": NaN}\n[]\n')
    assert losses(curves) == []


def test_a_lost_loss_is_known_until_a_number_comes(curves: Curves) -> None:
    append(curves.path, {"step": 1, "loss": 1.0}, {"step": 2, "not_finite": ["loss"]})
    curves.refresh()
    assert curves.lost_loss
    append(curves.path, {"step": 3, "loss": 1.0})
    curves.refresh()
    assert not curves.lost_loss


def test_a_large_file_is_read_in_blocks(curves: Curves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_READ_BYTES", 100)
    append(curves.path, *({"step": step, "loss": 1.0} for step in range(50)))
    assert len(losses(curves)) == 50


def test_what_a_resumed_attempt_trains_again_goes_as_soon_as_it_begins(curves: Curves) -> None:
    begin(curves, 1, 0)
    train(curves, 1, 1, 5)
    evaluate(curves, 1, 4)
    assert losses(curves)[-1] == (5, 1)
    before = curves.version
    begin(curves, 2, 3)
    assert losses(curves) == [(1, 1), (2, 1), (3, 1)]
    assert losses(curves, "eval_loss") == []
    assert curves.version > before


def test_the_newest_values_are_never_those_of_a_step_that_is_trained_again(curves: Curves) -> None:
    evaluate(curves, 1, 2)
    append(curves.path, {"step": 5, "loss": 9, "tokens_per_second": 7, "not_finite": ["loss"]})
    evaluate(curves, 1, 5)
    curves.refresh()
    assert curves.last("loss") == 9
    begin(curves, 2, 4)
    curves.refresh()
    assert (curves.last("loss"), curves.last("tokens_per_second")) == (None, None)
    assert curves.last("eval_loss") == 1
    assert not curves.lost_loss


def test_the_extra_evaluation_at_the_resume_replaces_the_one_before(curves: Curves) -> None:
    begin(curves, 1, 0)
    train(curves, 1, 1, 7)
    for step in (2, 4, 6):
        evaluate(curves, 1, step)
    begin(curves, 2, 4)
    evaluate(curves, 2, 4)
    assert losses(curves, "eval_loss") == [(2, 1), (4, 2)]
    train(curves, 2, 5, 6)
    evaluate(curves, 2, 6)
    assert losses(curves) == [(1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (6, 2)]
    assert losses(curves, "eval_loss") == [(2, 1), (4, 2), (6, 2)]


def test_attempts_read_at_once_make_the_same_curve_as_read_one_by_one(curves: Curves) -> None:
    one_by_one = Curves(RunPaths(curves.path.parent))
    for attempt, resumed, last in ((1, 0, 9), (2, 4, 6), (3, 4, 5), (4, 2, 7)):
        begin(curves, attempt, resumed)
        one_by_one.refresh()
        train(curves, attempt, resumed + 1, last)
        one_by_one.refresh()
    kept = [(1, 1), (2, 1), (3, 4), (4, 4), (5, 4), (6, 4), (7, 4)]
    assert losses(curves) == losses(one_by_one) == kept


def test_lines_of_an_ended_attempt_that_come_late_are_left_out(curves: Curves) -> None:
    train(curves, 1, 1, 3)
    begin(curves, 2, 3)
    assert len(losses(curves)) == 3
    train(curves, 1, 4, 5)
    assert len(losses(curves)) == 3


def test_an_attempt_that_begins_between_the_two_reads_is_cut_right(
    curves: Curves, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(curves, 1, 1, 5)
    curves.refresh()
    read_journal = curves.resumes.refresh

    def read_just_too_early() -> None:
        read_journal()
        if not curves.resumes.begun_at:
            begin(curves, 2, 2)
            train(curves, 2, 4, 4)

    monkeypatch.setattr(curves.resumes, "refresh", read_just_too_early)
    assert losses(curves) == [(1, 1), (2, 1), (4, 2)]


def test_a_run_that_starts_from_the_beginning_has_an_empty_curve(curves: Curves) -> None:
    train(curves, 1, 1, 5)
    assert losses(curves)
    begin(curves, 2, 0)
    assert losses(curves) == []
    assert not curves.has_points


def test_a_damaged_journal_cuts_nothing(curves: Curves) -> None:
    train(curves, 1, 1, 3)
    with curves.resumes.path.open("ab") as file:
        file.write(b'\xff"plan"\n{"entry": "plan", "attempt": "x", "step": 1}\n')
        file.write(b'{"entry": "plan", "attempt": 2, "step": "1"}\n["plan"]\n{"entry": "plan"')
    assert len(losses(curves)) == 3
