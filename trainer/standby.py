"""A trainer that waits for its run: `python -P -m trainer.standby FOLDER NAME RANKS COMMAND ...`.

It starts the ranks by the COMMAND, which get ready for a training, and knocks at the daemon's door
in the FOLDER. Handed a run there, it becomes the run's keeper. It never outlives a daemon that has
given it nothing to do, and its ranks never outlive it. Like the keeper it imports nothing heavy.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core import handover
from core.notify import notify, take_address
from core.process import set_session_niceness
from core.run.trainer_env import RANKS_VARIABLE
from trainer.keeper import Child, find_free_port, keep, rank_environment

STDOUT, STDERR = 1, 2
EXIT_UNFIT = 1
LOW_PRIORITY = 15
"""Of what gets ready: it goes on where others compute, and is in their way but a little."""


@dataclass(frozen=True)
class WarmRank:
    """A rank that gets ready for a run, and the connection on which it is told of it."""

    process: Child
    connection: socket.socket


@dataclass(frozen=True)
class Job:
    """A run as it is handed over: its whole environment, its place, and its open lock and log."""

    environment: dict[str, str]
    folder: str
    lock: int
    log: int


def main(folder: Path, name: str, ranks: int, command: list[str]) -> None:
    """Wait for a run, and keep it to its end."""
    # As in a keeper, whose ranks inherit it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    set_session_niceness(LOW_PRIORITY)
    daemon = handover.knock(folder)
    handover.send(daemon, {"name": name, "pid": os.getpid()})
    notify(take_address(), "READY=1")
    warm = [start_rank(command, rank, ranks) for rank in range(ranks)]
    job = wait_for_job(daemon, warm)
    take_over(job)
    keep(partial(awaken, daemon, warm, job), job.lock)


def start_rank(command: list[str], rank: int, ranks: int) -> WarmRank:
    """Let a rank get ready. It knows which one it is, as libraries ask when they are imported."""
    ours, theirs = handover.pair()
    with theirs:
        process = subprocess.Popen(
            [*command, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            process_group=0,
            env=os.environ | rank_environment(rank, ranks, port=0),
        )
    return WarmRank(process, ours)


def wait_for_job(daemon: socket.socket, warm: Sequence[WarmRank]) -> Job:
    """The run that the daemon hands over.

    Ends the process when the daemon is gone, or when a rank is; the others then end by themselves.
    """
    ready = 0
    with selectors.DefaultSelector() as selector:
        for connection in (daemon, *(rank.connection for rank in warm)):
            selector.register(connection, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                said = handover.receive(key.fileobj)  # type: ignore[arg-type]
                if key.fileobj is daemon:
                    job = read_job(said)
                    if ready < len(warm):
                        # From now on the run waits for them.
                        set_session_niceness(0)
                    return job
                if said is None or "unfit" in said[0]:
                    end_unfit(daemon, said[0]["unfit"] if said else "one of its processes died")
                ready += 1
                if ready == len(warm):
                    set_session_niceness(0)
                    pids = [os.getpid(), *(rank.process.pid for rank in warm)]
                    handover.send(daemon, {"ready": pids})


def read_job(said: tuple[dict[str, object], list[int]] | None) -> Job:
    """What was handed over. Ends the process where the daemon is gone."""
    if said is None:
        sys.exit()
    record, files = said
    return Job(record["environment"], record["folder"], *files)  # type: ignore[arg-type]


def end_unfit(daemon: socket.socket, why: str) -> None:
    """Tell the daemon why no run should be handed over here, and end."""
    handover.send(daemon, {"unfit": why})
    sys.exit(EXIT_UNFIT)


def take_over(job: Job) -> None:
    """Become a process of the run: its environment, its folder, its log."""
    os.environ.clear()
    os.environ.update(job.environment)
    os.chdir(job.folder)
    for stream in (STDOUT, STDERR):
        os.dup2(job.log, stream)
    os.close(job.log)


def awaken(daemon: socket.socket, warm: Sequence[WarmRank], job: Job) -> Iterator[Child]:
    """Hand the run on to the ranks, and tell the daemon when it is in their hands.

    Raises OSError when one of them is gone: the daemon then begins the run elsewhere.
    """
    ranks = int(os.environ[RANKS_VARIABLE])
    port = find_free_port() if ranks > 1 else 0
    for number, rank in enumerate(warm):
        yield rank.process
        environment = os.environ | rank_environment(number, ranks, port)
        record = {"environment": environment, "folder": job.folder}
        # The training shares the lock: it is held until the last of its processes is gone.
        handover.send(rank.connection, record, [job.lock, STDOUT])
    for rank in warm:
        expect_taken(rank.connection)
    # A daemon that was killed meanwhile finds a run that lives; one that gave up kills all of it.
    with contextlib.suppress(OSError):
        handover.send(daemon, {"taken": True})
    daemon.close()


def expect_taken(connection: socket.socket) -> None:
    """Wait until the rank says that it has the run. Raises OSError when it never will."""
    while said := handover.receive(connection):
        if "taken" in said[0]:
            connection.close()
            return
    raise BrokenPipeError("a rank was gone before it had the run")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:])
