"""Looking at rows, and cutting those that are too long."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.dataset.read.paragraphs import cut_text
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


@example("\n0", 1)
@given(st.text(max_size=400), st.integers(min_value=1, max_value=50))
@settings(max_examples=100, deadline=None)
def test_cutting_a_text_loses_nothing_but_white_space(text: str, limit: int) -> None:
    pieces = list(cut_text(text, limit))

    assert all(len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(pieces)
