import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.long_run import write_metrics
from core.monitor import series as series_module
from core.monitor.chart import Look, news, whole, window
from core.monitor.marks import Marks
from core.monitor.series import Series
from core.monitor.shelf import Shelf
from core.monitor.smooth import average, debias
from core.paths import RunPaths
from core.thin import thin

values = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=400)


def read(folder: Path) -> Series:
    series = Series(RunPaths(folder))
    series.refresh()
    return series


@settings(max_examples=60, deadline=None)
@given(values=values, smoothing=st.sampled_from([0.0, 0.1, 0.6, 0.9, 0.99, 0.999]))
def test_smoothing_is_the_moving_average_step_by_step(
    values: list[float], smoothing: float
) -> None:
    y = np.array(values)
    smooth = debias(average(y, smoothing), smoothing, np.arange(len(y)))
    mean, expected = 0.0, []
    for count, value in enumerate(values, 1):
        mean = smoothing * mean + (1 - smoothing) * value
        expected.append(mean / (1 - smoothing**count))
    assert np.allclose(smooth, expected, rtol=1e-6, atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(values=values, limit=st.integers(5, 60))
def test_thinned_places_are_few_in_order_and_hold_every_extreme(
    values: list[float], limit: int
) -> None:
    y = np.array(values)
    places = thin(y, limit)
    assert len(places) <= max(limit, 5)
    assert (np.diff(places) > 0).all()
    assert (places[0], places[-1]) == (0, len(y) - 1)
    assert (y[places].min(), y[places].max()) == (y.min(), y.max())


@pytest.mark.parametrize("step", [1, 77, 50_000, 99_999])
def test_a_spike_of_one_step_stays_in_the_whole(tmp_path: Path, step: int) -> None:
    write_metrics(RunPaths(tmp_path).metrics, 100_000, spikes={step: 99.5})
    loss = whole(read(tmp_path), Look())["loss"]
    assert len(loss.x) <= 1000
    assert loss.y[loss.x.tolist().index(step)] == 99.5


def test_a_window_has_the_finer_points_and_the_smoothing_of_the_whole(tmp_path: Path) -> None:
    write_metrics(RunPaths(tmp_path).metrics, 20_000)
    series = read(tmp_path)
    look = Look(smoothing=0.9)
    loss = window(series, look, 15_000, 15_200)["loss"]
    assert loss.x.tolist() == list(range(14_999, 15_202))
    y = series.points("loss")[1]
    expected = debias(average(y, 0.9), 0.9, np.arange(len(y)))[14_998:15_201]
    assert loss.smooth is not None
    assert np.allclose(loss.smooth, expected, rtol=1e-5)


def test_news_are_the_new_points_alone_and_too_many_are_none(tmp_path: Path) -> None:
    path = RunPaths(tmp_path).metrics
    write_metrics(path, 1000, eval_every=10_000)
    series = read(tmp_path)
    write_metrics(path, 2, first=1001, eval_every=10_000)
    series.refresh()
    new = news(series, Look(), 1000)
    assert new is not None
    assert new["loss"].x.tolist() == [1001, 1002]
    assert news(series, Look(), 0) is None
    assert news(series, Look(), 2000) is None


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_rows_taken_at_once_make_the_same_series_as_one_by_one(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    cell = st.one_of(st.none(), st.floats(0, 100, width=32), st.integers(0, 9), st.just("x"))
    row = st.fixed_dictionaries(
        {"step": st.integers(0, 60)},
        optional={"loss": cell, "eval_loss": cell, "tokens": cell, "attempt": st.integers(1, 2)},
    )
    rows = data.draw(st.lists(row, max_size=60))
    if data.draw(st.booleans()):
        rows.sort(key=lambda row: row["step"])
    paths = RunPaths(folder)
    paths.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    few, seen = series_module.FEW_ROWS, []
    for series_module.FEW_ROWS in (1, 10_000):
        series = read(folder)
        seen.append(
            {key: [a.tolist() for a in series.points(key)] for key in ("loss", "eval_loss")}
            | {axis: list(series.places.axis(axis)) for axis in ("step", "tokens", "time")}
        )
    series_module.FEW_ROWS = few
    assert seen[0] == seen[1]


def test_a_long_file_is_read_by_and_by_and_its_newest_values_are_known_at_once(
    tmp_path: Path,
) -> None:
    write_metrics(RunPaths(tmp_path).metrics, 20_000, spikes={20_000: 7.5})
    series = Series(RunPaths(tmp_path))
    series.refresh(0)
    assert 0 < series.read_fraction < 1
    assert series.has_points
    assert series.last("loss") == 7.5
    series.refresh()
    assert series.read_fraction == 1
    assert len(series.points("loss")[0]) == 20_000


def test_a_line_without_end_hides_no_other(tmp_path: Path) -> None:
    path = RunPaths(tmp_path).metrics
    path.write_bytes(b"x" * (9 * 1024 * 1024) + b'\n{"step": 1, "loss": 2.5}\n')
    assert read(tmp_path).last("loss") == 2.5


def test_checkpoints_that_are_trained_again_are_no_marks_any_more(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    marks = Marks(paths)
    entries = [{"entry": "checkpoint", "step": step} for step in (2, 4, 6)]
    paths.journal.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    marks.refresh()
    assert [mark.step for mark in marks.marks] == [2, 4, 6]
    events = [{"phase": "paused"}, {"phase": "queued", "attempt": 1, "reason": "resumed"}]
    paths.events.write_text("".join(json.dumps(event) + "\n" for event in events))
    with paths.journal.open("a") as file:
        file.write('{"entry": "plan", "attempt": 2, "step": 4}\n{"entry": "checkp')
    marks.refresh()
    assert [(mark.kind, mark.step) for mark in marks.marks] == [
        ("checkpoint", 2),
        ("checkpoint", 4),
        ("resume", 4),
    ]
    assert marks.marks[-1].text == "Attempt 2: resumed"


def test_the_shelf_keeps_no_more_than_fits(tmp_path: Path) -> None:
    shelf = Shelf(max_runs=2)
    first = shelf.get(RunPaths(tmp_path / "a"))
    assert shelf.get(RunPaths(tmp_path / "a")) is first
    for name in "bc":
        shelf.get(RunPaths(tmp_path / name))
    assert shelf.get(RunPaths(tmp_path / "a")) is not first
