"""Phases are a closed set with one table of moves, and records load again."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import PhaseError, RecordError
from core.run.phase import FINISHED, LIVE, MOVES, Phase
from core.run.status import Progress, RunStatus, from_record, move, to_record
from core.spec.run_spec import parse_spec

AT = datetime(2026, 11, 22, 13, 5, 9, tzinfo=UTC)
DATA = Path(__file__).parent.parent / "data"
OLD_RECORDS = sorted(DATA.glob("status-*.json"))
OLD_SPECS = sorted(DATA.glob("spec-*.yaml"))


def make_status(**changes: object) -> RunStatus:
    return RunStatus(run_id="r", name="n", submitted_at=AT, since=AT, **changes)


def test_a_move_the_table_does_not_allow_is_an_error() -> None:
    with pytest.raises(PhaseError, match="cannot go from completed to queued"):
        move(make_status(phase=Phase.COMPLETED), Phase.QUEUED, "", AT)


def test_a_move_sets_reason_and_time_and_clears_the_stage() -> None:
    moved = move(make_status(stage="x"), Phase.STARTING, "why", AT)
    assert (moved.phase, moved.reason, moved.since, moved.stage) == (Phase.STARTING, "why", AT, "")


def test_every_phase_has_its_moves_and_only_a_retry_leaves_a_finished_one() -> None:
    assert set(MOVES) == set(Phase)
    assert {phase: MOVES[phase] for phase in FINISHED if MOVES[phase]} == {
        Phase.FAILED: frozenset({Phase.QUEUED})
    }
    assert not LIVE & FINISHED


def test_a_status_is_the_same_after_saving_and_loading() -> None:
    status = make_status(
        phase=Phase.RUNNING, gpus=(0, 1), progress=Progress(3, 9, 0.5, 77, 1.5), started_at=AT
    )
    assert from_record(json.loads(json.dumps(to_record(status)))) == status


def test_a_field_of_a_newer_version_is_left_out() -> None:
    assert from_record({**to_record(make_status()), "mood": "fine"}) == make_status()


@pytest.mark.parametrize("broken", [{}, {"run_id": "r"}, {"phase": "resting"}, {"since": "noon"}])
def test_a_record_without_what_is_needed_is_an_error(broken: dict) -> None:
    record = {**to_record(make_status()), **broken} if broken and "run_id" not in broken else broken
    with pytest.raises(RecordError):
        from_record(record)


@pytest.mark.parametrize("path", OLD_RECORDS, ids=lambda path: path.name)
def test_records_of_every_released_format_still_load(path: Path) -> None:
    assert from_record(json.loads(path.read_text())).run_id


@pytest.mark.parametrize("path", OLD_SPECS, ids=lambda path: path.name)
def test_specs_of_every_released_format_still_parse(path: Path) -> None:
    assert parse_spec(path.read_bytes(), path.stem).base_model


def test_there_is_a_record_of_the_first_format() -> None:
    assert OLD_RECORDS
    assert OLD_SPECS
