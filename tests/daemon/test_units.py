"""What systemd is asked for; that it does so is tested in a real one, in tests/systemd."""

import os
from pathlib import Path

import pytest

from core.paths import RunPaths
from daemon import units
from daemon.units import (
    Unit,
    can_make_units,
    start_unit,
    unit_command,
    unit_is_active,
    unit_name,
)

RUN_ID = "20260101-000000-capitals"
ASKED = """#!/bin/sh
printf '%s\\n' "$@" >{folder}/asked
echo "$SECRET" >{folder}/secret
echo {says}
exit {code}
"""


@pytest.fixture(autouse=True)
def wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation asks for units."""
    monkeypatch.setenv(units.UNITS_VARIABLE, "yes")


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    folder = tmp_path / RUN_ID
    folder.mkdir()
    return RunPaths(folder)


def unit_of(paths: RunPaths) -> Unit:
    return Unit(unit_name(paths.run_id), "a run", paths.log, paths.folder)


def put_program(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, says: str = "", code: int = 0
) -> None:
    """A program of that name which writes down how it was called."""
    program = folder / name
    program.write_text(ASKED.format(folder=folder, says=says, code=code))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("says", "can"),
    [("running", True), ("degraded", True), ("starting", True), ("stopping", False), ("", False)],
)
def test_units_are_made_while_systemd_answers_that_it_works(
    says: str, can: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_program(tmp_path, "systemctl", monkeypatch, says, code=0 if says == "running" else 1)
    assert can_make_units() is can
    assert (tmp_path / "asked").read_text() == "--user\nis-system-running\n"


def test_no_units_where_there_is_no_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not can_make_units()
    assert not unit_is_active(RUN_ID)


def test_no_units_unless_the_installation_asks_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_program(tmp_path, "systemctl", monkeypatch, "running")
    monkeypatch.delenv(units.UNITS_VARIABLE)
    assert not can_make_units()
    assert not (tmp_path / "asked").exists()


def test_variables_go_by_name_so_that_no_secret_shows_in_a_list_of_processes(
    paths: RunPaths,
) -> None:
    command = unit_command(unit_of(paths), ["true"], {"HF_TOKEN": "hf_secret"})
    assert "--setenv=HF_TOKEN" in command
    assert "hf_secret" not in " ".join(command)


def test_variables_that_no_unit_can_have_are_left_out(paths: RunPaths) -> None:
    environment = {"BASH_FUNC_x%%": "() { :; }", "INVOCATION_ID": "of the daemon", "A_1": "b"}
    command = unit_command(unit_of(paths), ["true"], environment)
    assert [word for word in command if word.startswith("--setenv")] == ["--setenv=A_1"]


def test_the_command_reaches_the_unit_as_it_is(paths: RunPaths) -> None:
    command = unit_command(unit_of(paths), ["/a b/python", "-P", "$HOME"], {})
    assert command[command.index("--") + 1 :] == ["/a b/python", "-P", "$$HOME"]


def test_systemd_is_asked_with_the_environment_of_the_trainer(
    tmp_path: Path, paths: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_program(tmp_path, "systemd-run", monkeypatch)
    asking = start_unit(unit_of(paths), ["true"], os.environ | {"SECRET": "s3"})
    assert asking.wait(timeout=20) == 0
    asked = (tmp_path / "asked").read_text().splitlines()
    assert f"--unit=llm-trainer-{RUN_ID}.service" in asked
    assert f"--property=StandardOutput=append:{paths.log}" in asked
    assert (tmp_path / "secret").read_text() == "s3\n"


def test_what_systemd_says_against_it_is_in_the_log(
    tmp_path: Path, paths: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_program(tmp_path, "systemd-run", monkeypatch, says="the name is taken", code=1)
    assert start_unit(unit_of(paths), ["true"], os.environ).wait(timeout=20) == 1
    assert paths.log.read_text() == "the name is taken\n"


@pytest.mark.parametrize(
    ("says", "active"),
    [
        ("active", True),
        ("activating", True),
        ("deactivating", True),
        ("inactive", False),
        ("failed", False),
        ("", False),
    ],
)
def test_a_unit_is_there_until_it_has_ended(
    says: str, active: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_program(tmp_path, "systemctl", monkeypatch, says, code=0 if active else 3)
    assert unit_is_active(RUN_ID) is active
    assert f"llm-trainer-{RUN_ID}.service" in (tmp_path / "asked").read_text()
