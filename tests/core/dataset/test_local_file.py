"""Which files of this machine may be read."""

import os
from pathlib import Path

import pytest

from core.dataset.arrival.local_file import find_file, find_source
from core.errors import DatasetError
from core.paths import Workspace
from core.settings import Settings
from tests.adding import add

QA = b"question,answer\nWhat?,That.\nWho?,She.\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_a_file_is_read_only_from_allowed_folders(workspace: Workspace, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.csv"
    outside.write_bytes(QA)
    inside = workspace.root / "rows.csv"
    inside.write_bytes(QA)
    (workspace.root / "link.csv").symlink_to(outside)
    (workspace.root / ".secret.csv").write_bytes(QA)

    assert find_file(workspace, Settings(), "rows.csv") == inside
    assert (
        find_file(workspace, Settings(allowed_folders=(outside.parent,)), str(outside)) == outside
    )
    for path in (str(outside), "link.csv", "../x.csv", "/etc/passwd"):
        with pytest.raises(DatasetError, match="none of the allowed folders"):
            find_file(workspace, Settings(), path)
    with pytest.raises(DatasetError, match="is hidden"):
        find_file(workspace, Settings(), ".secret.csv")
    assert add(workspace, "rows.csv", inside).rows == 2


@pytest.mark.parametrize("name", [b"gr\xfc\xdfe.csv", b"gr\xfc\xdfe.xlsx", b"gr\xfc\xdfe"])
def test_a_name_that_is_no_text_is_told_of_in_words_that_can_be_shown(
    workspace: Workspace, name: bytes
) -> None:
    path = workspace.root / os.fsdecode(name)
    with pytest.raises(DatasetError) as missing:
        find_file(workspace, Settings(), str(path))
    path.write_bytes(QA)
    with pytest.raises(DatasetError, match="Rename it") as refused:
        find_source(workspace, Settings(), str(path))
    with pytest.raises(DatasetError) as outside:
        find_source(workspace, Settings(), f"/{os.fsdecode(name)}")
    for told in (missing, refused, outside):
        assert str(told.value).encode()
