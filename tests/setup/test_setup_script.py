"""scripts/setup.sh with a fake python and a fake df: nothing is downloaded or installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from core.files import read_tail
from core.paths import CODE_ROOT
from tests.waiting import wait_until

FAKE_PYTHON = """#!/bin/bash
echo "$*" >> "$CALLS"
case "$*" in
  "-c import sys"*) exit "${FAKE_TOO_OLD:-0}" ;;
  "-c import ensurepip"*) exit "${FAKE_NO_VENV:-0}" ;;
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip install"*"-r requirements.txt"*)
    [ -z "${FAKE_HANG:-}" ] || { echo "Installing collected packages: all"; sleep 60; }
    [ -z "${FAKE_PIP_SAYS:-}" ] || { echo "$FAKE_PIP_SAYS"; exit 1; } ;;
  "--version") echo "Python 3.11.0" ;;
esac
"""


class Checkout:
    """A copy of the set-up and what it reads, with its own programs first on the path."""

    def __init__(self, root: Path) -> None:
        self.root = root / "check out"
        self.bin = root / "bin"
        self.calls_file = root / "calls"
        self.calls_file.touch()
        (self.root / "scripts").mkdir(parents=True)
        self.bin.mkdir()
        shutil.copy(CODE_ROOT / "scripts/setup.sh", self.root / "scripts")
        for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
            shutil.copy(CODE_ROOT / name, self.root)
        self.fake("python3.11", FAKE_PYTHON)
        self.say_free_gb(50)

    def fake(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(script)
        path.chmod(0o755)

    def say_free_gb(self, free: int) -> None:
        self.fake("df", f"#!/bin/sh\necho header\necho x 0 0 {free * 1024 * 1024} 0% /\n")

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.root / "scripts/setup.sh", *arguments],
            env={"PATH": f"{self.bin}:/usr/bin:/bin", "CALLS": str(self.calls_file), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def set_up(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments, **env) as process:
            output, errors = process.communicate(timeout=30)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def take_calls(self) -> list[str]:
        """What the fake python was asked since the last time."""
        calls = self.calls_file.read_text().splitlines()
        self.calls_file.write_text("")
        return calls


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def hidden_pythons(checkout: Checkout) -> None:
    """No python of this machine can be found: each name leads to one that is too old."""
    for name in ("python3.11", "python3.12", "python3"):
        checkout.fake(name, "#!/bin/sh\nexit 1\n")


def assert_one_line(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    for word in words:
        assert word in lines[0]


def test_set_up_installs_with_the_pins_and_says_it_is_ready(checkout: Checkout) -> None:
    result = checkout.set_up()
    assert (result.returncode, result.stderr) == (0, "")
    assert "Ready after" in result.stdout
    (install,) = [call for call in checkout.take_calls() if "-r requirements.txt" in call]
    assert "-c constraints.txt" in install
    assert "requirements-dev.txt" not in install


def test_a_second_call_asks_nothing_of_python_or_pip(checkout: Checkout) -> None:
    checkout.set_up("--dev")
    assert checkout.take_calls()
    for arguments in (["--dev"], []):
        result = checkout.set_up(*arguments)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert checkout.take_calls() == []


def test_dev_installs_the_developer_tools_after_a_plain_set_up(checkout: Checkout) -> None:
    checkout.set_up()
    checkout.take_calls()
    checkout.set_up("--dev")
    assert any("-r requirements-dev.txt" in call for call in checkout.take_calls())


@pytest.mark.parametrize("name", ["requirements.txt", "constraints.txt"])
def test_a_changed_pin_is_installed(checkout: Checkout, name: str) -> None:
    checkout.set_up()
    checkout.take_calls()
    with (checkout.root / name).open("a") as file:
        file.write("# changed\n")
    checkout.set_up()
    assert any("-r requirements.txt" in call for call in checkout.take_calls())


@pytest.mark.usefixtures("hidden_pythons")
def test_a_missing_python_is_one_line_that_says_what_to_install(checkout: Checkout) -> None:
    assert_one_line(checkout.set_up(), "Python 3.11", "sudo apt install python3.12-venv")


def test_a_missing_venv_module_is_one_line_with_the_package_to_install(checkout: Checkout) -> None:
    assert_one_line(checkout.set_up(FAKE_NO_VENV="1"), "sudo apt install python3.11-venv")


def test_too_little_disk_is_one_line_before_anything_is_installed(checkout: Checkout) -> None:
    checkout.say_free_gb(3)
    assert_one_line(checkout.set_up(), "3 GB free", "Make room")
    assert not any("pip install" in call for call in checkout.take_calls())


@pytest.mark.parametrize(
    ("pip_says", "words"),
    [
        ("OSError: [Errno 28] No space left on device", ["disk is full"]),
        ("... Temporary failure in name resolution", ["Check the network"]),
        ("ERROR: No matching distribution found for torch==2.13.0", ["No matching distribution"]),
    ],
)
def test_what_pip_stumbled_over_is_one_line(
    checkout: Checkout, pip_says: str, words: list[str]
) -> None:
    assert_one_line(checkout.set_up(FAKE_PIP_SAYS=pip_says), *words, ".venv/setup.log")
    assert checkout.set_up().returncode == 0


def test_an_interrupted_installation_is_thrown_away_and_made_anew(checkout: Checkout) -> None:
    half = checkout.root / ".venv/lib/python3.11/site-packages/half"
    with checkout.start(FAKE_HANG="1") as process:
        wait_until(lambda: "Installing collected" in read_tail(checkout.root / ".venv/setup.log"))
        half.mkdir(parents=True)
        process.terminate()
        assert process.wait(timeout=40) == 1
        assert process.stderr
        assert process.stderr.read() == "Set-up stopped: interrupted. Call it again to go on.\n"
    assert checkout.set_up().returncode == 0
    assert not half.exists()


def test_two_at_once_install_once(checkout: Checkout) -> None:
    checkout.fake("df", "#!/bin/sh\nsleep 1\necho header\necho x 0 0 99999999 0% /\n")
    with checkout.start() as first, checkout.start() as second:
        assert [first.wait(timeout=30), second.wait(timeout=30)] == [0, 0]
    calls = checkout.take_calls()
    assert len([call for call in calls if "-r requirements.txt" in call]) == 1
