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
    put_python(root, "true")
    return root


def put_python(checkout: Path, script: str) -> None:
    """A Python of the checkout that does this, whatever it is asked."""
    python = checkout / ".venv/bin/python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)


def fill(checkout: Path, **env: str) -> dict[str, str]:
    result = write(checkout, **env)
    assert (result.returncode, result.stderr) == (0, "")
    return {name: (checkout / "filled" / name).read_text() for name in UNITS}


def write(checkout: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [checkout / "scripts/install-service.sh", "--write-to", checkout / "filled"],
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_placeholder_is_filled(checkout: Path) -> None:
    for text in fill(checkout).values():
        assert "@" not in text.replace("=@system-service", "")
        assert str(checkout).replace("%", "%%") in text


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_has_nothing_to_say_about_the_filled_units(checkout: Path) -> None:
    fill(checkout)
    units = [checkout / "filled" / name for name in UNITS]
    result = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr, result.stdout) == (0, "", "")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS)
def test_what_a_service_could_do_to_the_machine_scores_at_most_3(checkout: Path, unit: str) -> None:
    fill(checkout)
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=30"]
    result = subprocess.run(
        [*command, checkout / "filled" / unit], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-500:]


def test_a_user_of_its_own_runs_it_unless_another_is_named(checkout: Path) -> None:
    assert all("User=llm-trainer\n" in text for text in fill(checkout).values())
    named = fill(checkout, LLM_TRAINER_USER="root")
    assert all("User=root\n" in text for text in named.values())


def test_only_the_data_can_be_written(checkout: Path) -> None:
    folders = [f'"/srv/a b/{name}"' for name in ("runs", "uploads", "models", "configs")]
    for text in fill(checkout, LLM_TRAINER_WORKSPACE="/srv/a b").values():
        assert "ProtectSystem=strict\n" in text
        assert f"BindPaths={' '.join(folders)}\n" in text


def test_what_is_needed_in_a_home_folder_is_shown_in_spite_of_the_rest_being_hidden(
    checkout: Path,
) -> None:
    put_python(checkout, "echo /home/a/python 100%; echo /usr; echo /root/models")
    for text in fill(checkout, LLM_TRAINER_WORKSPACE="/home/a/work").values():
        assert "ProtectHome=tmpfs\n" in text
        shown = '"/home/a/python 100%%" "/home/a/work" "/root/models"'
        assert f"BindReadOnlyPaths={shown}\n" in text


def test_settings_that_cannot_be_read_stop_it(checkout: Path) -> None:
    put_python(checkout, "echo 'configs/settings.yaml: `hb` is no setting' >&2; exit 1")
    result = write(checkout)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "configs/settings.yaml: `hb` is no setting",
        "The environment or configs/settings.yaml is not in order; see above.",
    ]


@pytest.mark.parametrize("path", ["/srv/a:b", '/srv/"a"', "/srv/$a", "/srv/a\\b"])
def test_a_path_that_no_unit_can_hold_is_one_line(checkout: Path, path: str) -> None:
    result = write(checkout, LLM_TRAINER_WORKSPACE=path)
    assert result.returncode == 1
    assert result.stderr == (
        f"A service cannot use a path with quotes, colons, $ or backslashes: {path}\n"
    )


def test_workspace_and_port_come_from_the_environment(checkout: Path) -> None:
    units = fill(checkout, LLM_TRAINER_WORKSPACE="/srv/llm", LLM_TRAINER_PORT="9000")
    for text in units.values():
        assert 'Environment="LLM_TRAINER_WORKSPACE=/srv/llm"' in text
    assert "--server.port 9000" in units["llm-trainer-app.service"]


@pytest.mark.parametrize("port", ["0999", "1000", "70000", "65536", "x", "80 "])
def test_a_port_that_cannot_be_used_is_one_line(checkout: Path, port: str) -> None:
    result = write(checkout, LLM_TRAINER_PORT=port)
    assert result.returncode == 1
    assert result.stderr == f"LLM_TRAINER_PORT must be a number from 1024 to 65535, not '{port}'.\n"


def test_a_restart_of_the_daemon_leaves_trainings_alone(checkout: Path) -> None:
    daemon = fill(checkout)["llm-trainer-daemon.service"]
    assert "KillMode=process\n" in daemon
    assert "\nPrivateTmp=" not in daemon


def test_an_unknown_user_is_one_line(checkout: Path) -> None:
    result = write(checkout, LLM_TRAINER_USER="nobody-of-that-name")
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
