"""Rows written for other programs."""

from pathlib import Path

import pytest

from core.dataset.export import can_export, export_rows, safe_cell
from core.dataset.json_line import to_line
from core.errors import DatasetError

USER, ANSWER = {"role": "user", "content": "=1+1"}, {"role": "assistant", "content": "2"}


def test_no_cell_is_run_by_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(to_line({"messages": [USER, ANSWER]}))
    assert b"".join(export_rows(path, "questions.csv")) == (
        b"system,question,answer\r\n,'=1+1,2\r\n"
    )
    assert [safe_cell(cell) for cell in ("@x", "\tx", "-1", "a=b", "")] == [
        "'@x",
        "'\tx",
        "'-1",
        "a=b",
        "",
    ]


def test_a_row_that_does_not_fit_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(
        to_line({"messages": [USER, ANSWER]}) + to_line({"messages": [USER, ANSWER] * 2})
    )
    with pytest.raises(DatasetError, match=r"line 2 cannot be written as alpaca\.jsonl"):
        b"".join(export_rows(path, "alpaca.jsonl"))
    assert can_export({"messages": [USER, ANSWER]}, "questions.csv")
    assert not can_export({"text": "a"}, "questions.csv")
