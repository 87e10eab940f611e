"""Whether an answer about a base model still holds."""

import os
import time
from pathlib import Path

import pytest

from core.clock import now_text
from core.model_check import is_outdated
from core.paths import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.json").touch()
    os.utime(folder / "config.json", (1, 1))
    return Workspace(tmp_path)


def test_an_answer_holds_until_a_file_of_the_model_changes(workspace: Workspace) -> None:
    found = {"turn_end": "", "at": now_text()}
    assert not is_outdated(workspace, "./models/mine", found)
    later = time.time() + 5
    os.utime(workspace.models / "mine" / "config.json", (later, later))
    assert is_outdated(workspace, "./models/mine", found)


def test_an_answer_of_an_older_version_is_outdated(workspace: Workspace) -> None:
    assert is_outdated(workspace, "./models/mine", {"at": now_text()})
    assert is_outdated(workspace, "./models/mine", {"turn_end": "", "at": "yesterday"})


def test_a_model_of_the_hub_does_not_change_here(workspace: Workspace) -> None:
    assert not is_outdated(workspace, "org/name", {"turn_end": "", "at": now_text()})
