"""The first rows of an arrival, in the page's process: never more of it than they are."""

import gzip
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from core.files import stamp
from streamlit_app import arrival_head
from streamlit_app.arrival_head import PACKED_PARQUET, Head

LIMIT = 100_000


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival_head, "MAX_HEAD_BYTES", LIMIT)


def look(path: Path) -> Head:
    return arrival_head.look(path, stamp(path))


@pytest.mark.parametrize(("letters", "problem"), [(100, ""), (2 * LIMIT, PACKED_PARQUET)])
def test_packed_parquet_is_unpacked_only_when_it_is_small(
    tmp_path: Path, letters: int, problem: str
) -> None:
    rows = pyarrow.table({"text": ["x" * letters]})
    pyarrow.parquet.write_table(rows, tmp_path / "a.parquet", compression="none")
    path = tmp_path / "a.parquet.gz"
    path.write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))

    head = look(path)
    assert head.problem == problem and len(head.records) == (0 if problem else 1)
    assert not look(tmp_path / "a.parquet").problem


def test_the_head_ends_where_its_values_are_many_however_small_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    row = json.dumps({"text": "x" * (LIMIT // 4), "marks": [{"n": 1}]}) + "\n"
    path.write_bytes(gzip.compress((row * 40).encode()))
    assert path.stat().st_size < LIMIT
    assert len(look(path).records) == 4
