"""Looking at some of the rows."""

from pathlib import Path

import pytest

from core.dataset.sample import sample_rows
from core.paths import Workspace
from tests.adding import add


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_the_sample_is_seeded_and_never_more_than_there_is(workspace: Workspace) -> None:
    lines = b"".join(b'{"text": "row %d"}\n' % number for number in range(100))
    dataset = add(workspace, "a.jsonl", lines)

    assert sample_rows(dataset, 5, 1) == sample_rows(dataset, 5, 1) != sample_rows(dataset, 5, 2)
    assert len(sample_rows(dataset, 500)) == 100
