import json
from pathlib import Path

import pytest

from core import files
from streamlit_app.curves import Curves


def append(path: Path, *rows: dict[str, object], end: str = "") -> None:
    with path.open("a") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows) + end)


@pytest.fixture
def curves(tmp_path: Path) -> Curves:
    return Curves(tmp_path / "metrics.jsonl")


def losses(curves: Curves) -> list[tuple[float, float]]:
    curves.refresh()
    return list(zip(*(array.tolist() for array in curves.points("loss")), strict=True))


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
