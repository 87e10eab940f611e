"""Rows that are set aside for validation."""

from pathlib import Path

import pytest

from core.dataset.making.write_rows import Source
from core.errors import DatasetError
from core.paths import Workspace
from tests.adding import add


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_equal_rows_are_never_on_both_sides_of_the_split(workspace: Workspace) -> None:
    lines = b"".join(b'{"text": "row %d"}\n' % (number % 50) for number in range(500))
    dataset = add(workspace, "a.jsonl", lines, validation=0.2)

    train = set(dataset.paths.train.read_bytes().splitlines())
    validation = set(dataset.paths.validation.read_bytes().splitlines())
    assert not train & validation
    assert len(validation) == 10
    assert (dataset.rows, dataset.validation_rows) == (400, 100)


def test_the_same_seed_splits_alike_and_another_does_not(workspace: Workspace) -> None:
    lines = b"".join(b'{"text": "row %d"}\n' % number for number in range(100))
    sides = [
        add(
            workspace,
            "a.jsonl",
            lines,
            name=name,
            validation=0.1,
            seed=seed,
            allow_same_content=True,
        ).paths.validation.read_bytes()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]

    assert sides[0] == sides[1] != sides[2]


def test_one_row_cannot_be_split(workspace: Workspace) -> None:
    with pytest.raises(DatasetError, match="too few different rows"):
        add(workspace, "a.jsonl", b'{"text": "a"}\n' * 9, validation=0.5)


def test_a_number_of_rows_is_met_to_the_row(workspace: Workspace) -> None:
    lines = b"".join(b'{"text": "row %d"}\n' % number for number in range(200))
    dataset = add(workspace, "a.jsonl", lines, validation=30)
    assert (dataset.rows, dataset.validation_rows) == (170, 30)
    assert (dataset.validation, dataset.seed) == (30, 42)


def test_rows_that_differ_in_case_alone_stay_together(workspace: Workspace) -> None:
    pairs = [b'{"text": "row %d"}\n{"text": "Row  %d"}\n' % (n, n) for n in range(100)]
    dataset = add(workspace, "a.jsonl", b"".join(pairs), validation=0.3)
    held = dataset.paths.validation.read_bytes().lower().replace(b"  ", b" ").splitlines()
    assert len(held) == 2 * len(set(held)) == 60


@pytest.mark.parametrize("validation", [-0.1, 0.6, 1.5])
def test_a_part_that_cannot_be_is_refused(workspace: Workspace, validation: float) -> None:
    with pytest.raises(DatasetError, match=r"from 0 to 0\.5, or a whole number"):
        add(workspace, "a.jsonl", b'{"text": "a"}\n', validation=validation)


def test_a_second_file_is_the_validation_without_what_is_trained_on(workspace: Workspace) -> None:
    second = workspace.root / "second.csv"
    second.write_bytes(b"text\nROW 1\nother\nmore\nbad,row\n")
    rows = b'{"text": "row 1"}\n{"text": "row 2"}\n'
    source = Source(second, second.name)
    dataset = add(workspace, "a.jsonl", rows, validation_source=source)

    assert (dataset.rows, dataset.validation_rows, dataset.report.leaked_rows) == (2, 2, 1)
    assert dataset.report.bad_rows == 1
    assert dataset.report.bad[0].reason.startswith("second.csv: 2 cells")
    assert b"ROW" not in dataset.paths.validation.read_bytes()
    with pytest.raises(DatasetError, match=r"every row of second\.csv stands among the rows"):
        second.write_bytes(b"text\nrow 2\n")
        add(workspace, "b.jsonl", rows, validation_source=source, allow_same_content=True)
