import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.csv_text import csv_bytes
from core.dataset.export import FORMULA_STARTS


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd", "@SUM(A1)", "-1;2", "\t=1"])
def test_what_a_spreadsheet_would_run_is_kept_from_it(text: str) -> None:
    assert read(csv_bytes([[text]])) == [[f"'{text}"]]


@pytest.mark.parametrize("text", ["-1", "-2.5e-05", "+3", "0.5", "100"])
def test_a_number_stays_a_number(text: str) -> None:
    assert read(csv_bytes([[text, float(text), None]])) == [[text, str(float(text)), ""]]


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_no_cell_of_text_begins_as_a_formula(cells: list[str]) -> None:
    for before, after in zip(cells, read(csv_bytes([cells]))[0], strict=True):
        if after.startswith(FORMULA_STARTS):
            float(before)


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))
