"""The systemd units, filled in by the install script but never installed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from core.paths import CODE_ROOT

UNITS = ("llm-trainer-daemon.service", "llm-trainer-app.service")


@pytest.fixture(params=["plain", "odd & 50% name"])
def checkout(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    root: Path = tmp_path / request.param
    for folder in ("scripts", "systemd"):
        shutil.copytree(CODE_ROOT / folder, root / folder)
    (root / ".venv/bin").mkdir(parents=True)
    (root / ".venv/bin/python").symlink_to("/bin/true")
    return root


def fill(checkout: Path, **env: str) -> dict[str, str]:
    filled = checkout / "filled"
    subprocess.run(
        [checkout / "scripts/install-service.sh", "--write-to", filled],
        check=True,
        env=os.environ | env,
    )
    return {name: (filled / name).read_text() for name in UNITS}


def test_every_placeholder_is_filled(checkout: Path) -> None:
    for text in fill(checkout).values():
        assert "@" not in text
        assert str(checkout).replace("%", "%%") in text


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_has_nothing_to_say_about_the_filled_units(checkout: Path) -> None:
    fill(checkout)
    units = [checkout / "filled" / name for name in UNITS]
    result = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr, result.stdout) == (0, "", "")


def test_user_workspace_and_port_come_from_the_environment(checkout: Path) -> None:
    units = fill(
        checkout, LLM_TRAINER_USER="root", LLM_TRAINER_WORKSPACE="/srv/llm", LLM_TRAINER_PORT="9000"
    )
    for text in units.values():
        assert "User=root\n" in text
        assert 'Environment="LLM_TRAINER_WORKSPACE=/srv/llm"' in text
    assert "--server.port 9000" in units["llm-trainer-app.service"]


@pytest.mark.parametrize("port", ["0999", "1000", "70000", "65536", "x", "80 "])
def test_a_port_that_cannot_be_used_is_one_line(checkout: Path, port: str) -> None:
    result = subprocess.run(
        [checkout / "scripts/install-service.sh", "--write-to", checkout / "filled"],
        env=os.environ | {"LLM_TRAINER_PORT": port},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == f"LLM_TRAINER_PORT must be a number from 1024 to 65535, not '{port}'.\n"


def test_a_restart_of_the_daemon_leaves_trainings_alone(checkout: Path) -> None:
    daemon = fill(checkout)["llm-trainer-daemon.service"]
    assert "KillMode=process\n" in daemon
    assert "\nPrivateTmp=" not in daemon


def test_an_unknown_user_is_one_line(checkout: Path) -> None:
    result = subprocess.run(
        [checkout / "scripts/install-service.sh", "--write-to", checkout / "filled"],
        env=os.environ | {"LLM_TRAINER_USER": "nobody-of-that-name"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "There is no user nobody-of-that-name. Name another one in LLM_TRAINER_USER."
    ]


@pytest.mark.parametrize("script", ["install-service", "uninstall-service"])
def test_without_root_the_scripts_say_how_to_call_them(checkout: Path, script: str) -> None:
    fake_id = checkout / "bin/id"
    fake_id.parent.mkdir()
    fake_id.write_text("#!/bin/sh\necho 1000\n")
    fake_id.chmod(0o755)
    result = subprocess.run(
        [checkout / f"scripts/{script}.sh"],
        env=os.environ | {"PATH": f"{fake_id.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        f"This changes system services and needs root: sudo make {script}"
    ]
