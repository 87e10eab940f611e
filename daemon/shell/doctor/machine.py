"""Python, its packages, and what the kernel and the file system offer. Standard library only."""

import ctypes
import os
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path, PurePath

from core.paths import CODE_ROOT
from daemon.shell.advice import SET_UP
from daemon.shell.doctor.finding import Finding, ok, problem, warning

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 12)
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;#]+)")

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "glusterfs", "lustre", "gpfs"}
    | {"beegfs", "vboxsf", "drvfs"}
)
MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})
INOTIFY = Path("/proc/sys/fs/inotify")
_WATCHED = 0x100  # IN_CREATE


def check_python(version: tuple[int, int]) -> Finding:
    """Whether this Python is one that the packages are made for."""
    name = ".".join(map(str, version))
    if OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        return ok(f"Python {name}")
    return problem(f"Python {name} is not supported", f"Needed is 3.11 or 3.12. {SET_UP}")


def read_requirements() -> dict[str, str]:
    """The packages of requirements.txt with their versions."""
    text = (CODE_ROOT / "requirements.txt").read_text(encoding="utf-8")
    found = [REQUIREMENT.match(line) for line in text.splitlines()]
    return {match[1]: match[2] for match in found if match}


def installed_version(name: str) -> str | None:
    """The version of an installed package, found without importing it; None if there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_packages(
    wanted: Mapping[str, str], installed: Callable[[str], str | None]
) -> Iterator[Finding]:
    """Whether each package is there in the version this release is tested with."""
    missing = [name for name in wanted if installed(name) is None]
    # `2.13.0+cpu` is a build of 2.13.0.
    others = [
        f"{name} {version} (wanted: {wanted[name]})"
        for name in wanted
        if (version := installed(name)) and version.split("+")[0] != wanted[name]
    ]
    if missing:
        yield problem(f"Packages that are missing: {', '.join(missing)}", SET_UP)
    if others:
        yield warning(f"Packages of another version: {', '.join(others)}", SET_UP)
    if not missing and not others:
        yield ok(f"All {len(wanted)} packages of requirements.txt")


def read_mounts() -> str:
    """The kernel's table of what is mounted where."""
    return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")


def file_system_of(path: PurePath, mounts: str) -> str:
    """The type of the file system that holds the absolute path; empty if the table is silent."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        place, _, device = line.partition(" - ")
        fields = place.split()
        if len(fields) < 5 or not device:
            continue
        point = PurePath(_unescape(fields[4]))
        # Of two at one place the later one lies on top.
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), device.split()[0]
    return kind


def check_file_system(kind: str) -> Finding:
    """Whether locks and files on this type of file system are to be trusted."""
    if kind in NETWORK_FILE_SYSTEMS or kind.startswith("fuse."):
        return warning(
            f"The workspace lies on {kind}: locks may hold on this machine only, "
            "and new specs are found a moment later",
            "Let no other machine supervise it, or set LLM_TRAINER_WORKSPACE to a local disk.",
        )
    if kind in MEMORY_FILE_SYSTEMS:
        return warning(
            f"The workspace lies on {kind}: it is gone when the machine restarts",
            "Set LLM_TRAINER_WORKSPACE to a folder on a disk.",
        )
    return ok(f"File system: {kind or 'of unknown type'}")


def watch_folder(folder: Path) -> None:
    """Watch the folder for a moment; raises OSError when the kernel does not allow it."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_CLOEXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        if libc.inotify_add_watch(descriptor, os.fsencode(folder), _WATCHED) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)


def check_inotify(folder: Path, watch: Callable[[Path], None] = watch_folder) -> Finding:
    """Whether the daemon can be woken by a file in the folder."""
    try:
        watch(folder)
    except OSError as error:
        return warning(
            f"Folders cannot be watched ({error.strerror}): new specs are found a moment later",
            "Raise the limits: sudo sysctl fs.inotify.max_user_instances=512 "
            "fs.inotify.max_user_watches=524288",
        )
    limits = [f"{_limit('max_user_instances')} instances", f"{_limit('max_user_watches')} watches"]
    return ok(f"Folders can be watched (limits: {', '.join(limits)})")


def _limit(name: str) -> str:
    try:
        return (INOTIFY / name).read_text().strip()
    except OSError:
        return "unknown"


def _unescape(point: str) -> str:
    """A path of the mount table, in which blanks and the like stand as `\\040`."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)
