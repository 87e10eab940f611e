import json
from pathlib import Path

import pytest

from core.monitor import series as series_module
from core.monitor.series import Series
from core.paths import RunPaths


def append(path: Path, *rows: dict[str, object], end: str = "") -> None:
    with path.open("a") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows) + end)


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return Series(RunPaths(tmp_path))


def losses(series: Series, key: str = "loss") -> list[tuple[float, float]]:
    series.refresh()
    return list(zip(*(array.tolist() for array in series.points(key)), strict=True))


def begin(series: Series, attempt: int, step: int) -> None:
    """The training of an attempt begins after a step."""
    append(series.resumes.path, {"entry": "plan", "attempt": attempt, "step": step})


def train(series: Series, attempt: int, first: int, last: int) -> None:
    """A log event for each step; its loss tells the attempt it belongs to."""
    steps = range(first, last + 1)
    append(series.path, *({"step": n, "loss": attempt, "attempt": attempt} for n in steps))


def evaluate(series: Series, attempt: int, step: int) -> None:
    append(series.path, {"step": step, "eval_loss": attempt, "attempt": attempt})


def test_a_missing_file_has_no_points(series: Series) -> None:
    assert losses(series) == []
    assert series.last("loss") is None


def test_what_is_added_is_taken_in_and_a_torn_line_waits(series: Series) -> None:
    append(series.path, {"step": 1, "loss": 2.5}, end='{"step": 2, "lo')
    assert losses(series) == [(1, 2.5)]
    series.refresh()
    assert losses(series) == [(1, 2.5)]
    append(series.path, end='ss": 2.0}\n')
    assert losses(series) == [(1, 2.5), (2, 2.0)]


def test_steps_trained_anew_replace_the_old_ones(series: Series) -> None:
    append(series.path, *({"step": step, "loss": 9.0, "attempt": 1} for step in range(1, 6)))
    append(series.path, {"step": 4, "loss": 1.0, "attempt": 2})
    assert losses(series) == [(1, 9), (2, 9), (3, 9), (4, 1)]


def test_a_file_written_anew_starts_over(series: Series) -> None:
    append(series.path, {"step": 1, "loss": 2.5}, {"step": 2, "loss": 2.5})
    series.refresh()
    series.path.write_text('{"step": 1, "loss": 1.0}\n')
    assert losses(series) == [(1, 1.0)]


def test_values_that_are_no_numbers_are_left_out(series: Series) -> None:
    append(series.path, {"step": "x", "loss": 1}, {"step": 1, "loss": "x"}, {"loss": 1})
    append(series.path, {"step": 2, "loss": True}, end='{"step": 3, "loss": NaN}\n[]\n')
    assert losses(series) == []


def test_a_lost_loss_is_known_until_a_number_comes(series: Series) -> None:
    append(series.path, {"step": 1, "loss": 1.0}, {"step": 2, "not_finite": ["loss"]})
    series.refresh()
    assert series.lost_loss
    append(series.path, {"step": 3, "loss": 1.0})
    series.refresh()
    assert not series.lost_loss


def test_a_large_file_is_read_in_blocks(series: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_module, "BLOCK_BYTES", 100)
    append(series.path, *({"step": step, "loss": 1.0} for step in range(50)))
    assert len(losses(series)) == 50


def test_what_a_resumed_attempt_trains_again_goes_as_soon_as_it_begins(series: Series) -> None:
    begin(series, 1, 0)
    train(series, 1, 1, 5)
    evaluate(series, 1, 4)
    assert losses(series)[-1] == (5, 1)
    before = series.generation
    begin(series, 2, 3)
    assert losses(series) == [(1, 1), (2, 1), (3, 1)]
    assert losses(series, "eval_loss") == []
    assert series.generation > before


def test_the_newest_values_are_never_those_of_a_step_that_is_trained_again(series: Series) -> None:
    evaluate(series, 1, 2)
    append(series.path, {"step": 5, "loss": 9, "tokens_per_second": 7, "not_finite": ["loss"]})
    evaluate(series, 1, 5)
    series.refresh()
    assert series.last("loss") == 9
    begin(series, 2, 4)
    series.refresh()
    assert (series.last("loss"), series.last("tokens_per_second")) == (None, None)
    assert series.last("eval_loss") == 1
    assert not series.lost_loss


def test_the_extra_evaluation_at_the_resume_replaces_the_one_before(series: Series) -> None:
    begin(series, 1, 0)
    train(series, 1, 1, 7)
    for step in (2, 4, 6):
        evaluate(series, 1, step)
    begin(series, 2, 4)
    evaluate(series, 2, 4)
    assert losses(series, "eval_loss") == [(2, 1), (4, 2)]
    train(series, 2, 5, 6)
    evaluate(series, 2, 6)
    assert losses(series) == [(1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (6, 2)]
    assert losses(series, "eval_loss") == [(2, 1), (4, 2), (6, 2)]


def test_attempts_read_at_once_make_the_same_curve_as_read_one_by_one(series: Series) -> None:
    one_by_one = Series(RunPaths(series.path.parent))
    for attempt, resumed, last in ((1, 0, 9), (2, 4, 6), (3, 4, 5), (4, 2, 7)):
        begin(series, attempt, resumed)
        one_by_one.refresh()
        train(series, attempt, resumed + 1, last)
        one_by_one.refresh()
    kept = [(1, 1), (2, 1), (3, 4), (4, 4), (5, 4), (6, 4), (7, 4)]
    assert losses(series) == losses(one_by_one) == kept


def test_lines_of_an_ended_attempt_that_come_late_are_left_out(series: Series) -> None:
    train(series, 1, 1, 3)
    begin(series, 2, 3)
    assert len(losses(series)) == 3
    train(series, 1, 4, 5)
    assert len(losses(series)) == 3


def test_an_attempt_that_begins_between_the_two_reads_is_cut_right(
    series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(series, 1, 1, 5)
    series.refresh()
    read_journal = series.resumes.refresh

    def read_just_too_early() -> None:
        read_journal()
        if not series.resumes.begun_at:
            begin(series, 2, 2)
            train(series, 2, 4, 4)

    monkeypatch.setattr(series.resumes, "refresh", read_just_too_early)
    assert losses(series) == [(1, 1), (2, 1), (4, 2)]


def test_a_run_that_starts_from_the_beginning_has_an_empty_curve(series: Series) -> None:
    train(series, 1, 1, 5)
    assert losses(series)
    begin(series, 2, 0)
    assert losses(series) == []
    assert not series.has_points


def test_a_damaged_journal_cuts_nothing(series: Series) -> None:
    train(series, 1, 1, 3)
    with series.resumes.path.open("ab") as file:
        file.write(b'\xff"plan"\n{"entry": "plan", "attempt": "x", "step": 1}\n')
        file.write(b'{"entry": "plan", "attempt": 2, "step": "1"}\n["plan"]\n{"entry": "plan"')
    assert len(losses(series)) == 3


def test_numbers_too_large_for_a_curve_are_left_out_of_long_files_too(series: Series) -> None:
    rows = [{"step": step, "loss": 1.0} for step in range(1, 60)]
    append(series.path, *rows, {"step": 60, "loss": 10**400}, {"step": 61, "loss": 0.5})
    assert losses(series)[-1] == (61, 0.5)


def test_the_lowest_is_the_first_of_equals_whatever_comes_and_goes(series: Series) -> None:
    series.refresh()
    assert series.lowest("loss") is None
    for step, loss in enumerate([3.0, 1.0, 2.0, 1.0, 0.5, 0.7], 1):
        append(series.path, {"step": step, "loss": loss})
        series.refresh()
        points = losses(series)
        assert series.lowest("loss") == min(points, key=lambda point: point[1])
    append(series.path, {"step": 5, "loss": 0.9, "attempt": 2})
    begin(series, 2, 4)
    series.refresh()
    assert series.lowest("loss") == (5.0, pytest.approx(0.9))
    append(series.path, {"step": 6, "loss": 0.8, "attempt": 2})
    series.refresh()
    assert series.lowest("loss") == (6.0, pytest.approx(0.8))
