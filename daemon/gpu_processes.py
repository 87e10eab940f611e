"""Whose a process on a GPU is: a run of ours, or somebody else's program."""

import pwd
from collections.abc import Mapping
from pathlib import Path

from core.gpu import GpuProcess
from core.heartbeat import SeenProcess
from core.process import find_mark

NAME_LENGTH = 60


def look_at(process: GpuProcess, marks: Mapping[str, str]) -> SeenProcess:
    """What can be told of the process; `marks` are the runs by what marks their processes.

    Another user's process tells its name and its user, one in another container neither.
    """
    mark = find_mark(process.pid, marks)
    return SeenProcess(
        pid=process.pid,
        memory_mib=process.memory_mib,
        run_id=marks[mark] if mark else "",
        name=_name(process.pid),
        user=_user(process.pid),
    )


def program_name(arguments: list[str]) -> str:
    """What is run, without its folder and its arguments, which may hold secrets.

    Of an interpreter that is the script or module: `train.py`, `vllm.entrypoints`.
    """
    if not arguments or not arguments[0]:
        return ""
    name = _base(arguments[0])
    if not name.startswith("python"):
        return name
    for place, argument in enumerate(arguments[1:], 1):
        if argument == "-m":
            return arguments[place + 1] if place + 1 < len(arguments) else name
        if argument == "-c":
            return name
        if not argument.startswith("-"):
            return _base(argument)
    return name


def _name(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        name = program_name([word.decode("utf-8", "replace") for word in words])
        # A process may have no command line, or have written another text over it.
        return (name or Path(f"/proc/{pid}/comm").read_text(errors="replace"))[:NAME_LENGTH].strip()
    except OSError:
        return ""


def _user(pid: int) -> str:
    try:
        user_id = Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return ""
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


def _base(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]
