"""The bench measures what it says, at sizes that take a moment."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import flooding, idling, supervisor
from bench.flooding import Beats, count_disorder, count_wrong
from bench.measure import Measure, percentile, table
from bench.supervisor import Sizes, measure_supervisor
from core.paths import Workspace
from core.run.status import RunStatus

AT = datetime(2026, 1, 1, tzinfo=UTC)


def taken(*names: str) -> list[RunStatus]:
    """Runs in the order in which they were queued."""
    return [
        RunStatus(f"{place}-{name}", name, submitted_at=AT, since=AT, rank=place)
        for place, name in enumerate(names)
    ]


def test_every_measurement_of_the_supervisor_runs_at_small_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idling, "SETTLE_S", 0.0)
    monkeypatch.setattr(supervisor, "ADOPTIONS", 1)
    monkeypatch.setattr(flooding, "SETTLE_BEATS", 1)
    tables = measure_supervisor(tmp_path, Sizes(finished=3, drops=2, flood=5, idle_s=0.2))
    numbers = dict(re.findall(r"^(\S.*?) {2,}.*?(\d+\.\d\d) ", tables, re.MULTILINE))
    assert {"drop to process, median", "idle daemon, memory (RSS)", "out of order"} <= set(numbers)
    assert float(numbers["not taken exactly once"]) == 0
    assert float(numbers["until each is taken"]) > 0


def test_a_missed_goal_is_marked_and_a_reached_one_is_not() -> None:
    lines = table("all", [Measure("slow", 2, "s", 1), Measure("quick", 0.5, "s", 1)]).splitlines()
    assert [line.endswith("MISSED") for line in lines] == [False, True, False]


def test_a_percentile_is_a_value_that_so_many_do_not_exceed() -> None:
    assert percentile(range(1, 61), 95) == 57
    assert percentile([5.0], 95) == 5.0


def test_a_spec_that_became_two_runs_or_none_is_counted() -> None:
    assert count_wrong(["a", "b", "c"], taken("a", "b", "b")) == 2


def test_a_run_queued_behind_one_that_was_dropped_later_is_counted() -> None:
    assert count_disorder(["a", "b", "c"], taken("a", "b", "c")) == 0
    assert count_disorder(["a", "b", "c"], taken("b", "a", "c")) == 1


def test_the_longest_gap_is_between_two_beats_that_were_seen(tmp_path: Path) -> None:
    seen = ["2026-01-01T00:00:01.000Z", "2026-01-01T00:00:04.500Z", "2026-01-01T00:00:05.000Z"]
    assert Beats(Workspace(tmp_path), seen).longest_gap_s() == 3.5
