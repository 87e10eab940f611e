"""What the processes of a fake training tell of themselves, so that none can live unseen."""

import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from core.files import append_json_line, parse_json_lines
from core.paths import RunPaths
from core.process import is_same, started_ticks

BIRTH = """
import os, pathlib, signal, sys, time
pathlib.Path(sys.argv[1]).write_text(f'{os.getpid()} ')
"""
SLEEP = "time.sleep(600)\n"
ORPHANS = {
    "orphan": SLEEP,
    "nameless": SLEEP,
    "lingering": "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "os.kill(os.getpid(), signal.SIGSTOP)\n" + SLEEP,
    "breeding": "while os.fork():\n    time.sleep(0.03)\nos.setsid()\n" + SLEEP,
}
"""What a training may leave behind, each in a session of its own, and what it does there."""


@dataclass(frozen=True)
class Life:
    """A process of a run; `beside` are those of other attempts that lived when it was born."""

    pid: int
    ticks: int
    attempt: int
    is_trainer: bool
    beside: tuple[int, ...] = ()

    @property
    def goes_on(self) -> bool:
        """Whether it is still alive."""
        return is_same(self.pid, self.ticks)


def tell_birth(paths: RunPaths, attempt: int, pid: int = 0) -> None:
    """Write down that this process, or the one it left behind, belongs to the run's attempt."""
    others = [life for life in read_lives(paths) if life.goes_on]
    # A second trainer of the same attempt is one too many as well.
    beside = tuple(life.pid for life in others if not pid or life.attempt != attempt)
    ticks = started_ticks(pid or os.getpid())
    if ticks is not None:
        life = Life(pid or os.getpid(), ticks, attempt, not pid, beside)
        append_json_line(_file(paths), asdict(life))


def read_lives(paths: RunPaths) -> list[Life]:
    """Every process of the run that said that it was born, the oldest first."""
    path = _file(paths)
    lines = path.read_text().splitlines() if path.exists() else []
    return [Life(**record) for record in parse_json_lines(lines)]


def leave_orphan(paths: RunPaths, attempt: int, word: str) -> None:
    """A grandchild in a session of its own, whose parent is gone at once."""
    marker = paths.folder / word
    # Of an earlier attempt there may be one.
    marker.unlink(missing_ok=True)
    forgets = ["env", "-i"] if word == "nameless" else []
    command = [*forgets, sys.executable, "-c", BIRTH + ORPHANS[word], str(marker)]
    subprocess.run(["setsid", "--fork", *command], check=True, close_fds=True)
    while not (text := _read(marker)).endswith(" "):
        time.sleep(0.01)
    tell_birth(paths, attempt, int(text))


def _read(marker: Path) -> str:
    return marker.read_text() if marker.exists() else ""


def _file(paths: RunPaths) -> Path:
    return paths.folder / "lives.jsonl"
