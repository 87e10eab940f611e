"""The thin parent of a training: `python -P -m trainer.keeper LOCK COMMAND ...`.

It outlives the daemon, holds the run's lock (inherited: the descriptor LOCK) for as long as the
training lives, and writes `exit.json` when it ended, so that the ending is known whoever else was
away. It imports nothing heavy; which run and how many ranks, its environment says.
"""

import contextlib
import ctypes
import json
import math
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from core.clock import now_text
from core.files import save_json
from core.lock import sign
from core.paths import RunPaths
from core.process import started_ticks
from core.run.trainer_env import ATTEMPT_VARIABLE, RANKS_VARIABLE, RUN_FOLDER_VARIABLE

PR_SET_CHILD_SUBREAPER = 36
RANK_GRACE_S = 5.0


class Keeper:
    """Starts the ranks of one attempt, passes signals on, and waits for the end."""

    def __init__(self, command: list[str], lock: int, ranks: int) -> None:
        self.command = command
        self.lock = lock
        self.ranks = ranks
        self.children: list[subprocess.Popen[bytes]] = []
        self.ending = False

    def listen(self) -> None:
        """Pass on what the daemon wishes; a wish to end goes to whole groups."""
        signal.signal(signal.SIGUSR1, self._to_leaders)
        signal.signal(signal.SIGUSR2, self._to_leaders)
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def run(self) -> int:
        """Train to the end; the exit code of the rank that failed first, else 0."""
        self._start()
        if self.ending:
            self._end_groups()
        code = self._wait()
        end_orphans()
        return code

    def _start(self) -> None:
        port = find_free_port() if self.ranks > 1 else 0
        for rank in range(self.ranks):
            # The training shares the lock: it is held until the last of its processes is gone.
            child = subprocess.Popen(
                self.command,
                pass_fds=[self.lock],
                process_group=0,
                env=os.environ | rank_environment(rank, self.ranks, port),
            )
            self.children.append(child)

    def _wait(self) -> int:
        if len(self.children) == 1:
            return self.children[0].wait()
        deadline = math.inf
        while time.monotonic() < deadline and any(c.poll() is None for c in self.children):
            if deadline == math.inf and any(child.returncode for child in self.children):
                # The peers of a rank that failed may wait for it for half an hour.
                deadline = time.monotonic() + RANK_GRACE_S
            time.sleep(0.1)
        failed = next((c.returncode for c in self.children if c.returncode), 0)
        for child in self.children:
            child.kill()
            child.wait()
        return failed

    def _to_leaders(self, signum: int, frame: object) -> None:
        for child in self.children:
            child.send_signal(signum)

    def _end(self, signum: int, frame: object) -> None:
        self.ending = True
        self._end_groups()

    def _end_groups(self) -> None:
        for child in self.children:
            with contextlib.suppress(ProcessLookupError):
                # A stopped process takes a TERM only after a CONT.
                os.killpg(child.pid, signal.SIGCONT)
                os.killpg(child.pid, signal.SIGTERM)


def main(lock: int, command: list[str]) -> None:
    """Run the command to its end, whatever signals come, and record how it ended."""
    paths = RunPaths(Path(os.environ[RUN_FOLDER_VARIABLE]))
    attempt = int(os.environ[ATTEMPT_VARIABLE])
    keeper = Keeper(command, lock, int(os.environ.get(RANKS_VARIABLE, "1")))
    keeper.listen()
    sign_lock(lock, attempt)
    adopt_orphans()
    started_at = now_text()
    print(f"=== attempt {attempt}, {started_at}", flush=True)
    code = keeper.run()
    save_json(
        paths.exit,
        {
            "attempt": attempt,
            "code": code if code >= 0 else None,
            "signal": signal.Signals(-code).name if code < 0 else None,
            "started_at": started_at,
            "ended_at": now_text(),
            **usage(),
        },
    )


def sign_lock(lock: int, attempt: int) -> None:
    """Write into the lock who holds it, so that a daemon that comes later can signal us."""
    holder = {"pid": os.getpid(), "started_ticks": started_ticks(os.getpid()), "attempt": attempt}
    sign(lock, json.dumps(holder))


def adopt_orphans() -> None:
    """Become the parent of what the training leaves behind, so that it can be ended with it."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans() -> None:
    """Kill and reap whatever the training left behind."""
    while True:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for pid in children:
            os.kill(int(pid), signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def find_free_port() -> int:
    """A port on the loopback interface that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rank_environment(rank: int, ranks: int, port: int) -> dict[str, str]:
    """What torch needs to join its peers; nothing when there are none."""
    if ranks == 1:
        return {}
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def usage() -> dict[str, float]:
    """What the training used: seconds of CPU, and memory at its peak in MiB."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "user_s": round(used.ru_utime, 2),
        "system_s": round(used.ru_stime, 2),
        "max_memory_mib": used.ru_maxrss // 1024,
    }


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
