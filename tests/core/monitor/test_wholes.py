"""Wholes that are kept and shared by all who look in the same way."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import pytest

from bench.long_run import write_metrics
from core.monitor import wholes
from core.monitor.chart import MAX_NEWS, Look, Points, whole
from core.monitor.series import Series
from core.monitor.shelf import Watched
from core.monitor.wholes import MAX_LOOKS, Wholes
from core.paths import RunPaths


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Look]:
    """The wholes that were thinned."""
    found: list[Look] = []

    def count(series: Series, look: Look) -> dict[str, Points]:
        found.append(look)
        return whole(series, look)

    monkeypatch.setattr(wholes, "whole", count)
    return found


def test_a_whole_is_made_once_for_all_who_look_in_the_same_way(
    tmp_path: Path, made: list[Look]
) -> None:
    write_metrics(RunPaths(tmp_path).metrics, 5000)
    series = Series(RunPaths(tmp_path))
    series.refresh()
    shared = Wholes(series)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(shared.get, [Look(smoothing=0.9)] * 20))
    assert len(made) == 1
    assert all(one is found[0] for one in found)
    shared.get(Look("tokens", 0.9))
    assert len(made) == 2


def test_it_is_good_until_there_are_many_news_or_rows_were_taken_back(
    tmp_path: Path, made: list[Look]
) -> None:
    path = RunPaths(tmp_path).metrics
    write_metrics(path, 2000)
    series = Series(RunPaths(tmp_path))
    series.refresh()
    shared = Wholes(series)
    shared.get(Look())
    write_metrics(path, MAX_NEWS - 10, first=2001, eval_every=10_000)
    series.refresh()
    assert shared.get(Look()).rows == 2002
    write_metrics(path, 20, first=2001 + MAX_NEWS, eval_every=10_000)
    series.refresh()
    assert shared.get(Look()).rows > 2002
    assert len(made) == 2
    path.write_text("")
    series.refresh()
    assert shared.get(Look()).rows == 0


def test_no_more_looks_are_kept_than_fit(tmp_path: Path, made: list[Look]) -> None:
    write_metrics(RunPaths(tmp_path).metrics, 10)
    series = Series(RunPaths(tmp_path))
    series.refresh()
    shared = Wholes(series)
    for number in range(MAX_LOOKS + 1):
        shared.get(Look(smoothing=number / 100))
    shared.get(Look(smoothing=0.0))
    assert len(made) == MAX_LOOKS + 2


def test_of_two_who_ask_at_once_one_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(RunPaths(tmp_path))
    second = Thread(target=watched.refresh)
    reads: list[float] = []

    def read(budget_s: float) -> None:
        reads.append(budget_s)
        second.start()
        second.join(0.2)
        assert second.is_alive()

    monkeypatch.setattr(watched.series, "refresh", read)
    watched.refresh()
    second.join()
    assert len(reads) == 1
