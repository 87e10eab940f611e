"""The systemd services, where there are any."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from daemon.shell.doctor.finding import Finding, ok, problem, warning

UNITS = ("llm-trainer-daemon.service", "llm-trainer-app.service")
SYSTEMD = Path("/run/systemd/system")
SHOWN = ("LoadState", "ActiveState", "SubState", "UnitFileState", "Result")
TIMEOUT_S = 10.0

Properties = Mapping[str, str]


def read_unit(unit: str) -> Properties:
    """What systemd says of the unit. Raises OSError or SubprocessError when it cannot be asked."""
    command = ["systemctl", "show", unit, f"--property={','.join(SHOWN)}"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    pairs = [line.partition("=") for line in said.stdout.splitlines()]
    return {name: value for name, _, value in pairs}


def check_services(
    read: Callable[[str], Properties] = read_unit, systemd: Path = SYSTEMD
) -> Iterator[Finding]:
    """Whether the services are installed, active, and start with the machine."""
    if not systemd.is_dir():
        yield ok("systemd does not run here, so there are no services to check")
        return
    for unit in UNITS:
        try:
            yield check_unit(unit, read(unit))
        except (OSError, subprocess.SubprocessError) as error:
            yield warning(
                f"systemctl does not answer about {unit}: {error}", f"systemctl status {unit}"
            )


def check_unit(unit: str, is_now: Properties) -> Finding:
    """Whether one service is as it should be."""
    if is_now.get("LoadState") == "not-found":
        return ok(f"{unit} is not installed (`sudo make install-service` does it)")
    if is_now.get("LoadState") != "loaded":
        what = f"{unit} cannot be loaded: {is_now.get('LoadState', 'no answer')}"
        return problem(what, f"systemctl status {unit}; install it again.")
    state = f"{is_now.get('ActiveState')} ({is_now.get('SubState')})"
    if is_now.get("ActiveState") == "failed" or is_now.get("SubState") == "auto-restart":
        what = f"{unit} is {state}: {is_now.get('Result')}"
        return problem(what, f"See why: journalctl -u {unit} -n 50")
    if is_now.get("ActiveState") != "active":
        return warning(f"{unit} is installed, and {state}", f"sudo systemctl start {unit}")
    if is_now.get("UnitFileState") != "enabled":
        what = f"{unit} runs, and does not start with the machine"
        return warning(what, f"sudo systemctl enable {unit}")
    return ok(f"{unit} is active and enabled")
