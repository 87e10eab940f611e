"""Plays one scene after the other, each with a daemon that dies at another operation."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from core.paths import CODE_ROOT
from core.process import started_ticks
from core.run.store import slug
from tests.faults.crashing_daemon import OPERATIONS
from tests.faults.scene import LAST, Scene
from tests.lives import read_lives
from tests.waiting import wait_until

WORKERS = 2
Step = tuple[Callable[[Scene], bool], Callable[[Scene], None]]
"""A fact that is waited for, and what a person does then."""


class Forked:
    """A daemon process as `Scene` knows it, forked by a server that has its code loaded."""

    def __init__(self, server: "subprocess.Popen[str]", root: Path, kill_at: int) -> None:
        self.server = server
        server.stdin.write(f"{root} {kill_at}\n")
        server.stdin.flush()
        self.pid = int(server.stdout.readline())

    @property
    def is_alive(self) -> bool:
        return started_ticks(self.pid) is not None

    def send_signal(self, signum: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signum)

    def wait(self, timeout_s: float = 0) -> int:
        """Its exit code, or the negative number of the signal that ended it."""
        return os.waitstatus_to_exitcode(int(self.server.stdout.readline()))


@dataclass(frozen=True)
class Play:
    """What happens between the drop of a run and its end, however often the daemon dies.

    `ends` are the phases in which it may end, `starts` how many trainers it may need.
    """

    behaviour: str
    steps: tuple[Step, ...]
    ends: tuple[str, ...]
    starts: tuple[int, ...] = (1,)


@dataclass
class Tally:
    """What came of the kill points that were tried."""

    tried: int = 0
    killed: int = 0
    reads: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.tried} kill points tried, {self.killed} daemons killed, {self.reads} records "
            f"read meanwhile, {len(self.problems)} problems"
        )


@contextmanager
def serving() -> Iterator["subprocess.Popen[str]"]:
    """A server that forks daemons."""
    command = [sys.executable, "-P", "-m", "tests.faults.crashing_daemon"]
    environment = os.environ | {"PYTHONPATH": str(CODE_ROOT)}
    with subprocess.Popen(
        command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        yield server
        server.stdin.close()


def count_operations(root: Path, play: Play) -> int:
    """How many operations the play takes when nobody is killed."""
    with serving() as server:
        tally = Tally()
        play_once(server, root, play, [0], tally)
        assert not tally.problems, tally.problems
    lines = (root / OPERATIONS).read_text().splitlines()
    # What comes after is the proof that the daemon lives on.
    return next(number for number, line in enumerate(lines) if slug(LAST) in line)


def play_all(root: Path, play: Play, points: list[list[int]]) -> Tally:
    """Play once for every list of operations at which one daemon after the other dies."""
    tally = Tally()

    def work(share: list[list[int]]) -> None:
        with serving() as server:
            for kills in share:
                play_once(server, root / "-".join(map(str, kills)), play, kills, tally)

    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(work, (points[start::WORKERS] for start in range(WORKERS))))
    return tally


def play_once(
    server: "subprocess.Popen[str]", root: Path, play: Play, kills: list[int], tally: Tally
) -> None:
    """Drop a run and play it to its end; every daemon that dies is followed by another one."""
    scene, coming = Scene(root), [*kills, 0]
    try:
        scene.write_settings()
        scene.drop("a", play.behaviour)
        scene.let_rest()
        scene.process = Forked(server, root, coming.pop(0))
        for fact, act in (*play.steps, (lambda scene: scene.phase("a") in play.ends, nothing)):
            wait_until(
                lambda fact=fact: fact(scene),
                lambda: revive(scene, server, coming),
                told=lambda: f"killed at {kills}: {scene.phase('a')}",
            )
            act(scene)
        revive(scene, server, coming)
        scene.check(orderly=scene.witness.crashes == 0)
        starts = len([life for life in read_lives(scene.paths("a")) if life.is_trainer])
        assert starts in play.starts, f"{starts} trainers were started"
    except AssertionError as error:
        tally.problems.append(f"killed at {kills}: {error}")
    finally:
        scene.close()
    tally.tried += 1
    tally.killed += scene.witness.crashes
    tally.reads += scene.witness.reads


def revive(scene: Scene, server: "subprocess.Popen[str]", coming: list[int]) -> None:
    """Start the next daemon if the last one is dead."""
    if not scene.process.is_alive:
        assert scene.process.wait() == -signal.SIGKILL, "the daemon ended by itself"
        scene.witness.crashes += 1
        scene.process = Forked(server, scene.workspace.root, coming.pop(0))


def nothing(scene: Scene) -> None:
    """What a person does who only looks on."""
