"""The thin parent of a training: `python -P -m trainer.keeper LOCK COMMAND ...`.

It outlives the daemon, holds the run's lock for as long as the training lives, and writes
`exit.json` when it ended, so that the ending is known whoever else was away. LOCK is a descriptor
that it inherits, or `-` where it takes the lock itself. It imports nothing heavy; which run and how
many ranks, its environment says.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

from core.clock import now_text
from core.files import ring, save_json
from core.lock import sign, take_lock
from core.notify import notify, take_address
from core.paths import RunPaths, Workspace
from core.process import boot_id, started_ticks
from core.run.trainer_env import (
    ATTEMPT_VARIABLE,
    RANKS_VARIABLE,
    RUN_FOLDER_VARIABLE,
    STANDBY_VARIABLE,
)

PR_SET_CHILD_SUBREAPER = 36
RANK_GRACE_S = 5.0
STOP_GRACE_S = 100.0
"""How long a checkpoint may take when the machine shuts down."""

KILL_GRACE_S = 10.0
LONGEST_WAIT_S = 3600.0
EXIT_BUSY = 75
VMSTAT = Path("/proc/vmstat")

PAUSE, SHUTDOWN = signal.SIGUSR1, signal.SIGTERM
CHECKPOINT, CANCEL = signal.SIGUSR2, signal.SIGINT
HEARD = {PAUSE, SHUTDOWN, CHECKPOINT, CANCEL, signal.SIGCHLD}
"""The signals that are waited for. They are blocked, so that none comes too early or is lost."""


Child = subprocess.Popen[bytes]


class Keeper:
    """Lets the ranks of one attempt begin, passes wishes on, and waits for the end.

    `begin` gives the ranks, one after the other. `asked` is the first wish to end: `stop` (a pause
    or a shutdown) or `cancel`.
    """

    def __init__(self, begin: Callable[[], Iterator[Child]], beat: Path) -> None:
        self.begin = begin
        self.beat = beat
        self.children: list[Child] = []
        self.asked: str | None = None
        self.code = 0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def run(self) -> int:
        """Train to the end; the exit code of the rank that failed first, else 0."""
        self.beat.unlink(missing_ok=True)
        try:
            # One by one: those that have begun are ended when another cannot.
            for child in self.begin():
                self.children.append(child)
            while self._living():
                self._look_for_failure()
                self._hear()
            self._look_for_failure()
        finally:
            # Nor may a rank be left when another could not be started.
            self._kill_groups()
            end_orphans()
        return self.code

    def _living(self) -> list[Child]:
        return [child for child in self.children if child.poll() is None]

    def _look_for_failure(self) -> None:
        """The peers of a rank that failed may wait for it for half an hour: they are ended."""
        failed = next((child.returncode for child in self.children if child.returncode), 0)
        if failed and not self.code:
            self.code = failed
            self._later(RANK_GRACE_S, self._kill_groups)

    def _hear(self) -> None:
        """Wait for a wish, the end of a child, or the next thing that is due."""
        wait_s = min((at - time.monotonic() for at, _ in self.due), default=LONGEST_WAIT_S)
        heard = signal.sigtimedwait(HEARD, max(0.0, wait_s))
        if heard:
            self._obey(heard.si_signo)
        for at, do in list(self.due):
            if time.monotonic() >= at:
                self.due.remove((at, do))
                do()

    def _obey(self, signum: int) -> None:
        if signum == CANCEL:
            self.asked = self.asked or "cancel"
            self._end_groups()
        elif signum in (PAUSE, SHUTDOWN):
            self.asked = self.asked or "stop"
            self._stop()
            if signum == SHUTDOWN:
                self._later(STOP_GRACE_S, self._end_for_good)
        elif signum == CHECKPOINT and self.beat.exists():
            # One is enough: the ranks agree on what to do.
            self.children[0].send_signal(CHECKPOINT)

    def _stop(self) -> None:
        """Ask for a checkpoint and the end; before training begins there is nothing to lose."""
        if not self.beat.exists():
            self._end_for_good()
            return
        self._signal_groups(signal.SIGCONT)
        for child in self.children:
            child.send_signal(PAUSE)

    def _end_for_good(self) -> None:
        self._end_groups()
        self._later(KILL_GRACE_S, self._kill_groups)

    def _end_groups(self) -> None:
        # A stopped process takes a TERM only after a CONT.
        self._signal_groups(signal.SIGCONT)
        self._signal_groups(signal.SIGTERM)

    def _kill_groups(self) -> None:
        self._signal_groups(signal.SIGKILL)

    def _signal_groups(self, signum: signal.Signals) -> None:
        for child in self._living():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signum)

    def _later(self, delay_s: float, do: Callable[[], None]) -> None:
        self.due.append((time.monotonic() + delay_s, do))


def main(lock: int, command: list[str]) -> NoReturn:
    """Run the command as every rank to its end, and record how it ended."""
    ranks = int(os.environ.get(RANKS_VARIABLE, "1"))
    keep(partial(spawn_ranks, command, lock, ranks), lock)


def spawn_ranks(command: list[str], lock: int, ranks: int) -> Iterator[Child]:
    """Start the command once for every rank."""
    port = find_free_port() if ranks > 1 else 0
    for rank in range(ranks):
        # The training shares the lock: it is held until the last of its processes is gone.
        yield subprocess.Popen(
            command,
            pass_fds=[lock],
            process_group=0,
            preexec_fn=unblock,
            env=os.environ | rank_environment(rank, ranks, port),
        )


def keep(begin: Callable[[], Iterator[Child]], lock: int) -> NoReturn:
    """See the attempt that the environment names to its end, whatever signals come; record it.

    Then this process ends.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    paths = RunPaths(Path(os.environ[RUN_FOLDER_VARIABLE]))
    attempt = int(os.environ[ATTEMPT_VARIABLE])
    keeper = Keeper(begin, paths.beat)
    sign_lock(lock, attempt)
    notify(take_address(), "READY=1")
    adopt_orphans()
    started_at, oom_kills_before = now_text(), count_oom_kills()
    print(f"=== attempt {attempt}, {started_at}", flush=True)
    code = keeper.run()
    save_json(
        paths.exit,
        {
            "attempt": attempt,
            "code": code if code >= 0 else None,
            "signal": signal.Signals(-code).name if code < 0 else None,
            "asked": keeper.asked,
            "oom_kills": count_oom_kills() - oom_kills_before,
            "started_at": started_at,
            "ended_at": now_text(),
            **usage(),
        },
    )
    sys.stdout.flush()
    ring(Workspace(paths.folder.parent.parent).wake)
    # Gone before the daemon looks: the next run waits for that.
    os._exit(0)


def find_lock(word: str) -> int:
    """The descriptor of the run's lock: the one inherited, or for `-` one taken now.

    Ends the process where another holds the lock: the run is being trained already.
    """
    if word != "-":
        return int(word)
    lock = take_lock(RunPaths(Path(os.environ[RUN_FOLDER_VARIABLE])).lock)
    if lock is None:
        print("this run is being trained already", file=sys.stderr)
        sys.exit(EXIT_BUSY)
    return lock


def unblock() -> None:
    """Let a child hear again what its parent waits for."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)


def sign_lock(lock: int, attempt: int) -> None:
    """Write into the lock who holds it, so that a daemon that comes later can signal us."""
    holder = {
        "pid": os.getpid(),
        "started_ticks": started_ticks(os.getpid()),
        "boot_id": boot_id(),
        "attempt": attempt,
        "standby": os.environ.get(STANDBY_VARIABLE, ""),
    }
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
    threads = max(1, len(os.sched_getaffinity(0)) // ranks)
    # Without the mark, ranks on the CPU would train each on its own, and not say a word.
    on_cpu = {} if os.environ.get("CUDA_VISIBLE_DEVICES") else {"ACCELERATE_USE_CPU": "true"}
    return {
        **on_cpu,
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def count_oom_kills() -> int:
    """How many processes the kernel has killed on this machine for want of memory, since boot."""
    counters = VMSTAT.read_text().split()
    return int(counters[counters.index("oom_kill") + 1]) if "oom_kill" in counters else 0


def usage() -> dict[str, float]:
    """What the training used: seconds of CPU, and memory at its peak in MiB."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "user_s": round(used.ru_utime, 2),
        "system_s": round(used.ru_stime, 2),
        "max_memory_mib": used.ru_maxrss // 1024,
    }


if __name__ == "__main__":
    main(find_lock(sys.argv[1]), sys.argv[2:])
