"""Plays one scene after the other, each with a daemon that dies at another operation."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.paths import CODE_ROOT
from core.process import started_ticks
from tests.faults.crashing_daemon import OPERATIONS
from tests.faults.fake_daemon import STANDBYS_VARIABLE
from tests.faults.scene import Scene
from tests.lives import read_lives
from tests.waiting import wait_until

WORKERS = 4
"""More than cores: half of the time of a play is waiting."""

NEVER = range(0)
Step = tuple[Callable[[Scene], bool], Callable[[Scene], None]]
"""A fact that is waited for, and what a person does then."""


class Forked:
    """A daemon process as `Scene` knows it, forked by a server that has its code loaded."""

    def __init__(
        self, server: "subprocess.Popen[str]", root: Path, kill_at: int = 0, failing: range = NEVER
    ) -> None:
        self.server = server
        server.stdin.write(f"{root} {kill_at} {failing.start} {failing.stop}\n")
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

    `ends` are the phases in which it may end, `starts` how many trainers it may need; `is_warm` if
    the daemon keeps some warm.
    """

    behaviour: str
    steps: tuple[Step, ...]
    ends: tuple[str, ...]
    starts: tuple[int, ...] = (1,)
    is_warm: bool = False


@dataclass(frozen=True)
class Tally:
    """What came of the kill points that were tried."""

    tried: int = 0
    killed: int = 0
    reads: int = 0
    problems: tuple[str, ...] = ()

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.tried + other.tried,
            self.killed + other.killed,
            self.reads + other.reads,
            self.problems + other.problems,
        )

    def __str__(self) -> str:
        problems = "".join(f"\n{problem}" for problem in self.problems)
        return (
            f"{self.tried} kill points tried, {self.killed} daemons killed, {self.reads} records "
            f"read meanwhile, {len(self.problems)} runs lost or started twice{problems}"
        )


@contextmanager
def serving(play: Play) -> Iterator["subprocess.Popen[str]"]:
    """A server that forks daemons for the play."""
    command = [sys.executable, "-P", "-m", "tests.faults.crashing_daemon"]
    environment = os.environ | {"PYTHONPATH": str(CODE_ROOT)}
    if play.is_warm:
        environment[STANDBYS_VARIABLE] = "yes"
    with subprocess.Popen(
        command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        yield server
        server.stdin.close()


def list_operations(root: Path, play: Play) -> list[str]:
    """The operations of a play when nobody is killed before its end."""
    with serving(play) as server:
        tally = play_once(server, root, play, [])
    assert not tally.problems, tally
    return (root / OPERATIONS).read_text().splitlines()


def play_all(root: Path, play: Play, points: list[list[int]]) -> Tally:
    """Play once for every list of operations at which one daemon after the other dies."""

    def work(share: list[list[int]]) -> list[Tally]:
        with serving(play) as server:
            return [
                play_once(server, root / "-".join(map(str, kills)), play, kills) for kills in share
            ]

    with ThreadPoolExecutor(WORKERS) as workers:
        shares = workers.map(work, (points[start::WORKERS] for start in range(WORKERS)))
        return sum((tally for share in shares for tally in share), Tally())


def play_once(server: "subprocess.Popen[str]", root: Path, play: Play, kills: list[int]) -> Tally:
    """Drop a run and play it to its end; every daemon that dies is followed by another one."""
    scene, coming, killed, problems = Scene(root), [*kills, 0], 0, ()
    try:
        scene.write_settings()
        scene.drop("a", play.behaviour)
        scene.let_rest()
        scene.process = Forked(server, root, coming.pop(0))
        for fact, act in (*play.steps, (lambda scene: scene.phase("a") in play.ends, nothing)):
            wait_until(
                lambda fact=fact: fact(scene),
                lambda: revive(scene, server, coming),
                told=lambda: f"it is {scene.phase('a')}",
            )
            act(scene)
        killed = scene.witness.crashes
        # One that was to die only now would spoil the proof that it lives.
        scene.kill_daemon()
        scene.process = Forked(server, root, 0)
        scene.check(orderly=False)
        starts = len([life for life in read_lives(scene.paths("a")) if life.is_trainer])
        assert starts in play.starts, f"{starts} trainers were started"
    except AssertionError as error:
        problems = (f"killed at {kills}: {error}",)
    finally:
        scene.close()
    return Tally(1, killed, scene.witness.reads, problems)


def revive(scene: Scene, server: "subprocess.Popen[str]", coming: list[int]) -> None:
    """Start the next daemon if the last one is dead."""
    if not scene.process.is_alive:
        assert scene.process.wait() == -signal.SIGKILL, "the daemon ended by itself"
        scene.witness.crashes += 1
        scene.process = Forked(server, scene.workspace.root, coming.pop(0))


def nothing(scene: Scene) -> None:
    """What a person does who only looks on."""
