"""All checks, one after the other: a check that cannot be made is a finding too.

What a check needs is loaded only for it, so that one missing package does not stop the others.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from core.paths import Workspace
from daemon.shell.advice import HOW_TO_ENTER, SET_UP
from daemon.shell.doctor import machine
from daemon.shell.doctor.finding import Finding, Level, problem
from daemon.shell.terminal import Colour, one_line, paint

COLOURS = {Level.OK: Colour.GREEN, Level.WARNING: Colour.YELLOW, Level.PROBLEM: Colour.RED}
OK, FOUND_PROBLEMS = 0, 1

Check = Callable[[Workspace], Iterable[Finding]]


def examine(workspace: Workspace, as_json: bool) -> int:
    """Print every finding; 0 when none of them is a problem, else 1."""
    found = list(run_checks(workspace, CHECKS))
    levels = [finding.level for _, finding in found]
    if as_json:
        print(json.dumps(_to_json(found), indent=1))
    else:
        for _, finding in found:
            _print(finding)
        print(", ".join(f"{level}: {levels.count(level)}" for level in Level))
    return FOUND_PROBLEMS if Level.PROBLEM in levels else OK


def run_checks(workspace: Workspace, checks: dict[str, Check]) -> Iterator[tuple[str, Finding]]:
    """What each check found, with the name of the check."""
    for name, check in checks.items():
        try:
            yield from ((name, finding) for finding in check(workspace))
        except ImportError as error:
            yield name, problem(f"No check of {name}: {error}", SET_UP)
        except PermissionError as error:
            what = f"No check of {name}: {error.filename} is closed to this user"
            yield name, problem(what, HOW_TO_ENTER)
        except Exception as error:
            what = f"No check of {name}: {type(error).__name__}: {error}"
            yield name, problem(what, "Mend what it names, and ask again.")


def _python(workspace: Workspace) -> Iterator[Finding]:
    yield machine.check_python(sys.version_info[:2])


def _packages(workspace: Workspace) -> Iterator[Finding]:
    yield from machine.check_packages(machine.read_requirements(), machine.installed_version)


def _gpus(workspace: Workspace) -> Iterator[Finding]:
    from daemon.shell.doctor import gpu

    yield from gpu.check()


def _file_system(workspace: Workspace) -> Iterator[Finding]:
    path = _existing(workspace.runs).resolve()
    yield machine.check_file_system(machine.file_system_of(path, machine.read_mounts()))


def _folders(workspace: Workspace) -> Iterator[Finding]:
    from daemon.shell.doctor.workspace import check_folders

    yield from check_folders(workspace)


def _watching(workspace: Workspace) -> Iterator[Finding]:
    yield machine.check_inotify(_existing(workspace.queue))


def _settings_and_disk(workspace: Workspace) -> Iterator[Finding]:
    from daemon.shell.doctor.workspace import check_disk, check_settings, read_disk

    settings, finding = check_settings(workspace.settings)
    yield finding
    yield from check_disk(read_disk(_existing(workspace.runs)), settings.min_free_disk_gib)


def _daemon(workspace: Workspace) -> Iterator[Finding]:
    from core.clock import now
    from daemon.shell.doctor.records import count_unfinished
    from daemon.shell.doctor.workspace import check_daemon
    from daemon.shell.liveness import look_for_daemon

    yield from check_daemon(look_for_daemon(workspace), now(), count_unfinished(workspace))


def _standby(workspace: Workspace) -> Iterator[Finding]:
    from daemon.shell.doctor.standby import check_standby
    from daemon.shell.liveness import look_for_daemon, standby_of

    yield from check_standby(standby_of(look_for_daemon(workspace)))


def _records(workspace: Workspace) -> Iterator[Finding]:
    from daemon.shell.doctor.records import check_records
    from daemon.shell.liveness import look_for_daemon

    yield from check_records(workspace, look_for_daemon(workspace).lives)


def _services(workspace: Workspace) -> Iterator[Finding]:
    from daemon.shell.doctor.services import check_services

    yield from check_services()


def _token(workspace: Workspace) -> Iterator[Finding]:
    from daemon.shell.doctor.workspace import check_token, variables_of_daemon
    from daemon.shell.liveness import look_for_daemon

    lives = look_for_daemon(workspace).lives
    yield check_token(variables_of_daemon(workspace) if lives else [], os.environ)


CHECKS: dict[str, Check] = {
    "Python": _python,
    "packages": _packages,
    "GPUs": _gpus,
    "file system": _file_system,
    "folders": _folders,
    "watching": _watching,
    "settings and disk": _settings_and_disk,
    "daemon": _daemon,
    "standby": _standby,
    "records": _records,
    "services": _services,
    "token": _token,
}


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _print(finding: Finding) -> None:
    level = paint(f"{finding.level:8}", COLOURS[finding.level])
    print(f"{level} {one_line(finding.what)}")
    if finding.advice:
        print(f"{'':8} {one_line(finding.advice)}")


def _to_json(found: list[tuple[str, Finding]]) -> dict[str, object]:
    return {
        "problems": sum(finding.level is Level.PROBLEM for _, finding in found),
        "findings": [
            {
                "check": check,
                "level": finding.level.value,
                "what": finding.what,
                "advice": finding.advice,
            }
            for check, finding in found
        ],
    }
