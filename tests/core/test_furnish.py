"""A workspace of its own begins with presets, catalogue and settings, and keeps its changes."""

from pathlib import Path

import pytest

from core.furnish import furnish
from core.paths import Workspace
from core.settings import Settings, load_settings


def test_an_empty_workspace_gets_the_configs_and_keeps_what_people_change(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    furnish(workspace)
    assert (workspace.presets / "starter-full.yaml").is_file()
    workspace.settings.write_text("sandbox_idle_s: 5\n")
    furnish(workspace)
    assert load_settings(workspace.settings).sandbox_idle_s == 5


def test_the_settings_that_come_with_the_code_are_the_defaults(tmp_path: Path) -> None:
    furnish(Workspace(tmp_path))
    assert load_settings(Workspace(tmp_path).settings) == Settings()


def test_settings_of_one_machine_do_not_come_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Workspace(tmp_path / "here"), Workspace(tmp_path / "there")
    furnish(here)
    here.settings.write_text("notify: ['json://user:secret@127.0.0.1']\n")
    monkeypatch.setattr("core.furnish.CODE_ROOT", here.root)
    furnish(there)
    assert (there.presets / "starter-full.yaml").is_file()
    assert load_settings(there.settings) == Settings()
