from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import now
from core.run.notes import Notes
from core.run.phase import Phase
from core.run.status import RunStatus
from streamlit_app.run_losses import Losses
from streamlit_app.run_rows import ORDERS, Row, Wanted, filtered, make_row, ordered
from streamlit_app.run_slots import MAX_RUNS, assign_slots
from streamlit_app.spec_summary import Summary


def row(name: str, losses: Losses = Losses(), notes: Notes = Notes()) -> Row:  # noqa: B008
    status = RunStatus(name, name, now(), now(), phase=Phase.COMPLETED)
    summary = Summary("./models/starter", "LoRA", ("./uploads/capitals/train.jsonl",))
    return make_row(status, summary, losses, notes)


ROWS = [
    row("poems", Losses(0.5, 0.9, 0.8, 100.0), Notes("The rate was too high", ("baseline",))),
    row("emails", Losses(0.2), Notes("", ("baseline", "best"))),
    row("news", Losses(0.4, 0.7, 0.6, 300.0)),
    row("empty"),
]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted("RATE high"), ["poems"]),
        (Wanted("best"), ["emails"]),
        (Wanted("starter capitals"), ["poems", "emails", "news", "empty"]),
        (Wanted(tags=["baseline"]), ["poems", "emails"]),
        (Wanted(tags=["baseline", "best"]), ["emails"]),
        (Wanted(phases=[Phase.FAILED]), []),
        (Wanted(max_loss=0.6), ["emails", "news"]),
        (Wanted(base_models=["starter"], methods=["LoRA"], max_loss=0.3), ["emails"]),
        (Wanted(datasets=["other"]), []),
    ],
)
def test_rows_are_found_by_what_is_known_of_their_run(wanted: Wanted, names: list[str]) -> None:
    assert [row.name for row in filtered(ROWS, wanted)] == names


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("Newest first", ["poems", "emails", "news", "empty"]),
        ("Best validation loss first", ["news", "poems", "emails", "empty"]),
        ("Lowest loss first", ["emails", "news", "poems", "empty"]),
        ("Fastest first", ["news", "poems", "emails", "empty"]),
    ],
)
def test_rows_without_the_number_stand_last(order: str, names: list[str]) -> None:
    assert [row.name for row in ordered(ROWS, order)] == names


@given(st.sampled_from(list(ORDERS)), st.lists(st.none() | st.floats(0, 9), max_size=20))
def test_no_order_loses_a_row(order: str, losses: list[float | None]) -> None:
    rows = [replace(ROWS[0], run_id=str(n), loss=loss) for n, loss in enumerate(losses)]
    assert {row.run_id for row in ordered(rows, order)} == {row.run_id for row in rows}


@given(st.lists(st.sets(st.integers(0, 40), max_size=MAX_RUNS), max_size=6))
def test_a_run_keeps_its_line_and_no_two_runs_share_one(rounds: list[set[int]]) -> None:
    slots: dict[str, int] = {}
    for chosen in rounds:
        ids = [str(number) for number in chosen]
        given_now = assign_slots(ids, slots)
        assert list(given_now) == ids
        assert len(set(given_now.values())) == len(ids)
        assert all(given_now[run_id] == slots[run_id] for run_id in ids if run_id in slots)
        slots = given_now


def test_the_first_choice_takes_the_first_lines() -> None:
    assert assign_slots(["b", "a", "c"], {}) == {"b": 0, "a": 1, "c": 2}
    assert assign_slots(["c", "d"], {"b": 0, "a": 1, "c": 2}) == {"c": 2, "d": 0}
