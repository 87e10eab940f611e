"""Each training as a unit of its own, in the service user's own systemd.

No process leaves its unit, so the end of a training ends all of them; and a unit's name is given
once, so there are never two trainings of a run. Only where the installation asks for it: in a
person's own session the trainings would end at logout.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

UNITS_VARIABLE = "LLM_TRAINER_RUN_UNITS"
ANSWER_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 120
"""What a training gets to save a checkpoint when the machine shuts down; the keeper takes less."""

READY = frozenset({"starting", "running", "degraded"})
THERE = frozenset({"activating", "active", "reloading", "deactivating"})
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OF_THE_DAEMON = frozenset({"INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID"})
"""Variables by which systemd describes the daemon's unit, and gives a new unit its own."""


def unit_name(run_id: str) -> str:
    """What the unit of a run is called."""
    return f"llm-trainer-{run_id}.service"


def can_make_units() -> bool:
    """Whether trainings are to be units, and the systemd that makes them answers."""
    return _ask("is-system-running") in READY


@dataclass(frozen=True)
class Unit:
    """What a unit is called, where all that it prints goes, and the folder it works in."""

    name: str
    description: str
    log: Path
    folder: Path


def start_unit(
    unit: Unit, command: list[str], environment: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    """Have the command started as the unit.

    The process that is returned only asks: it ends with 0 once the command has reported that it is
    ready, else with another code and a line in the log. Raises OSError when it cannot be started.
    """
    with unit.log.open("ab") as log_file:
        return subprocess.Popen(
            unit_command(unit, command, environment),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def unit_command(unit: Unit, command: list[str], environment: Mapping[str, str]) -> list[str]:
    """The call that starts the unit. Variables go by name: what they hold may be secret."""
    properties = {
        # The keeper is asked to end; what is left when it has ended is killed.
        "KillMode": "mixed",
        "TimeoutStopSec": str(STOP_TIMEOUT_S),
        # A process that runs out of memory is for the keeper to tell.
        "OOMPolicy": "continue",
        "StandardOutput": f"append:{unit.log}",
        "StandardError": "inherit",
        "NoNewPrivileges": "yes",
        "UMask": "0007",
    }
    variables = sorted(name for name in environment if NAME.fullmatch(name))
    return [
        "systemd-run",
        "--user",
        "--quiet",
        f"--unit={unit.name}",
        f"--description={unit.description}",
        "--service-type=notify",
        # A unit that failed would keep its name.
        "--collect",
        f"--working-directory={unit.folder}",
        *(f"--property={name}={value}" for name, value in properties.items()),
        *(f"--setenv={name}" for name in variables if name not in OF_THE_DAEMON),
        "--",
        # In a unit's command $ begins a variable.
        *(word.replace("$", "$$") for word in command),
    ]


def unit_is_active(run_id: str) -> bool:
    """Whether the run's unit is there: it starts, trains or ends."""
    return _ask("is-active", unit_name(run_id)) in THERE


def _ask(*words: str) -> str:
    """What the service user's systemd answers; empty when there is none, or none is wanted."""
    if os.environ.get(UNITS_VARIABLE) != "yes":
        return ""
    try:
        said = subprocess.run(
            ["systemctl", "--user", *words],
            capture_output=True,
            text=True,
            timeout=ANSWER_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip()
