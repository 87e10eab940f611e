"""Which code a new process would run: it changes with our own files and with installed packages."""

import sysconfig
from pathlib import Path

from core.paths import CODE_ROOT

ROOMS = ("core", "trainer")
Fingerprint = frozenset[tuple[str, int]]


def fingerprint(code: Path = CODE_ROOT, packages: Path | None = None) -> Fingerprint:
    """The files and packages with the moment each was written, in nanoseconds.

    Takes milliseconds: of a package only the folder that an installation writes anew is looked at.
    """
    installed = packages or Path(sysconfig.get_path("purelib"))
    own = (path for room in ROOMS for path in (code / room).rglob("*.py"))
    return frozenset(_mark(path) for path in (*own, *installed.glob("*.dist-info")))


def _mark(path: Path) -> tuple[str, int]:
    try:
        return str(path), path.stat().st_mtime_ns
    except FileNotFoundError:
        return str(path), 0
