"""When waiting runs will start, and how long they will take."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.run.duration import Trained, Work, describe_work, estimate_s
from core.run.forecast import CPU, Asking, Forecast, Living, forecast
from core.spec.run_spec import RunSpec

GPUS = range(4)

seconds = st.none() | st.integers(0, 10_000).map(float)
named = st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True).map(tuple)
counts = st.integers(0, 5)


@st.composite
def machines(draw: st.DrawFn, needs: st.SearchStrategy = counts | named) -> tuple:
    """A queue, what trains, and the GPUs there are."""
    gpus = tuple(range(draw(st.integers(0, 4))))
    lanes = list(gpus) or [CPU]
    living = []
    while lanes and draw(st.booleans()):
        count = draw(st.integers(1, len(lanes)))
        mine, lanes = lanes[:count], lanes[count:]
        on = tuple(lane for lane in mine if lane != CPU)
        living.append(Living(f"live {len(living)}", on, draw(seconds)))
    waiting = [
        Asking(
            f"run {number}", draw(needs), draw(seconds), float(draw(st.sampled_from([0, 0, 60])))
        )
        for number in range(draw(st.integers(0, 5)))
    ]
    return waiting, living, gpus


@given(machines(), st.sets(st.integers(0, 3)))
def test_nobody_starts_before_the_gpus_it_needs_are_free(machine: tuple, foreign: set[int]) -> None:
    waiting, living, gpus = machine
    told = forecast(waiting, living, gpus, foreign)
    assert told.keys() == {run.run_id for run in waiting}
    used: dict[int, list[tuple[float, float]]] = {}
    for run in living:
        for lane in run.gpus or (CPU,):
            used.setdefault(lane, []).append((0, math.inf if run.left_s is None else run.left_s))
    for run in waiting:
        start = told[run.run_id].starts_in_s
        if start is None:
            continue
        lanes = told[run.run_id].lanes
        assert start >= run.not_before_s
        assert_fits(run, lanes, gpus)
        end = start + (math.inf if run.takes_s is None else run.takes_s)
        for lane in lanes:
            assert lane not in foreign or lane in {gpu for one in living for gpu in one.gpus}
            for begun, ended in used.get(lane, []):
                assert start >= ended or end <= begun or end == start
            used.setdefault(lane, []).append((start, end))


def assert_fits(run: Asking, lanes: tuple[int, ...], gpus: tuple[int, ...]) -> None:
    if not gpus or run.gpus == 0:
        assert lanes == (CPU,)
    elif isinstance(run.gpus, tuple):
        assert set(lanes) == set(run.gpus) <= set(gpus)
    else:
        assert len(lanes) == run.gpus
        assert set(lanes) <= set(gpus)


@given(machines(st.integers(1, 4)), st.integers(0, 5000), st.data())
def test_what_trains_longer_makes_nobody_start_sooner(
    machine: tuple, longer_s: int, data: st.DataObject
) -> None:
    waiting, living, gpus = machine
    waiting = [replace(run, not_before_s=0.0) for run in waiting]
    timed = [number for number, run in enumerate(living) if run.left_s is not None]
    if not timed:
        return
    number = data.draw(st.sampled_from(timed))
    later = list(living)
    later[number] = replace(living[number], left_s=living[number].left_s + longer_s)
    before, after = forecast(waiting, living, gpus), forecast(waiting, later, gpus)
    for run in waiting:
        assert moment(after[run.run_id]) >= moment(before[run.run_id])


@given(machines(st.integers(1, 4)))
def test_runs_that_take_any_gpu_start_in_the_order_of_the_queue(machine: tuple) -> None:
    waiting, living, gpus = machine
    waiting = [
        replace(run, not_before_s=0.0, gpus=min(run.gpus, max(1, len(gpus)))) for run in waiting
    ]
    told = forecast(waiting, living, gpus)
    moments = [moment(told[run.run_id]) for run in waiting]
    assert moments == sorted(moments)


def moment(told: Forecast) -> float:
    return math.inf if told.starts_in_s is None else told.starts_in_s


def test_one_gpu_is_had_by_one_after_the_other() -> None:
    living = [Living("live", (0,), 600.0)]
    waiting = [Asking("first", takes_s=300.0), Asking("second")]
    told = forecast(waiting, living, [0])
    assert [told[name].starts_in_s for name in ("first", "second")] == [600.0, 900.0]


def test_a_run_for_two_gpus_keeps_the_free_one() -> None:
    waiting = [Asking("large", 2, 100.0), Asking("small", 1, 10.0)]
    told = forecast(waiting, [Living("live", (0,), 50.0)], [0, 1])
    assert told["large"] == Forecast(50.0, (0, 1))
    assert told["small"].starts_in_s == 150.0


def test_after_a_run_whose_end_nobody_knows_only_its_name_is_told() -> None:
    waiting = [Asking("first"), Asking("second")]
    told = forecast(waiting, [Living("live", (0,), None)], [0])
    assert told == {"first": Forecast(after=("live",)), "second": Forecast(behind="first")}


@pytest.mark.parametrize(
    ("need", "told"),
    [
        (1, Forecast(after=("a", "b"), any_of=True)),
        (2, Forecast(after=("a", "b"))),
        ((1,), Forecast(after=("b",))),
        (3, Forecast()),
        ((0, 5), Forecast()),
        (0, Forecast(0.0, (CPU,))),
    ],
)
def test_it_tells_who_must_end_and_nothing_of_what_this_machine_cannot_do(
    need: int | tuple[int, ...], told: Forecast
) -> None:
    living = [Living("a", (0,), None), Living("b", (1,), None)]
    assert forecast([Asking("run", need)], living, [0, 1]) == {"run": told}


def test_gpus_that_other_programs_use_are_waited_for_without_a_claim() -> None:
    waiting = [Asking("two", 2, 5.0), Asking("one", 1, 5.0)]
    told = forecast(waiting, [Living("live", (0,), 30.0)], [0, 1], out_of_reach=[1])
    assert told == {"two": Forecast(), "one": Forecast(30.0, (0,))}


WORK = Work(("model", ("data",), "LoRA", 1), ("4",), 3.0, None)


def test_the_time_of_a_run_like_it_is_scaled_by_its_epochs_or_steps() -> None:
    past = [Trained(WORK, 3.0, 300, 900.0)]
    assert estimate_s(WORK, past) == 900.0
    assert estimate_s(replace(WORK, epochs=1.0), past) == 300.0
    assert estimate_s(replace(WORK, steps=100.0), past) == 300.0


def test_steps_of_another_size_say_nothing() -> None:
    past = [Trained(WORK, 3.0, 300, 900.0)]
    assert estimate_s(replace(WORK, steps=100.0, pace=("8",)), past) is None
    assert estimate_s(replace(WORK, epochs=1.0, pace=("8",)), past) == 300.0


def test_the_most_alike_counts_and_then_the_newest() -> None:
    other = replace(WORK, pace=("8",))
    past = [Trained(other, 3, 9, 10.0), Trained(WORK, 3, 9, 20.0), Trained(WORK, 3, 9, 30.0)]
    assert estimate_s(WORK, past) == 20.0


def test_nothing_is_claimed_without_a_run_like_it() -> None:
    assert estimate_s(WORK, []) is None
    assert estimate_s(WORK, [Trained(replace(WORK, kind=("other",)), 3, 9, 9.0)]) is None
    assert estimate_s(WORK, [Trained(WORK, 0.0, 0, 9.0)]) is None
    assert estimate_s(replace(WORK, epochs=None), [Trained(WORK, 3.0, 9, 9.0)]) is None


@pytest.mark.parametrize("odd", [None, "3", -1, 0, math.nan, math.inf, True])
def test_an_odd_amount_counts_as_none(odd: object) -> None:
    config = {"base_model": "m", "num_epochs": odd, "max_steps": odd}
    work = describe_work(RunSpec("x", config), 1)
    assert (work.epochs, work.steps) == (None, None)
