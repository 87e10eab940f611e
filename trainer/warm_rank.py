"""A rank that gets ready before there is a run: `python -P -m trainer.warm_rank CONNECTION`.

Used once: what a training leaves behind in its process meets no other run. While it gets ready and
while it waits it ends as soon as its standby does.
"""

import contextlib
import os
import socket
import sys
import traceback
from contextvars import Context
from threading import Thread
from typing import NoReturn

from core import handover
from core.run.phase import Stage
from core.run.trainer_env import ATTEMPT_VARIABLE, COLD_VARIABLE, RUN_FOLDER_VARIABLE
from trainer import run
from trainer.journal import find_journal
from trainer.standby import LOW_PRIORITY

STDOUT, STDERR = 1, 2


def main(descriptor: int) -> NoReturn:
    """Get ready, wait for a run, and train it."""
    # Some libraries keep what they set at their import in the context, and must find it there.
    context = Context()
    with socket.socket(fileno=descriptor) as standby:
        readiness = Readiness(standby)
        getting_ready = Thread(target=context.run, args=(readiness.reach,))
        getting_ready.start()
        handed = handover.receive(standby)
        if handed is None:
            os._exit(0)
        record, (_, log) = handed  # the lock only has to stay open
        join_run(record["environment"], log)
        handover.send(standby, {"taken": True})
        getting_ready.join()
    become(record["environment"], record["folder"])
    if readiness.trouble:
        start_anew(readiness.trouble)
    context.run(train)
    raise AssertionError("a training ends its process")


class Readiness:
    """Does what can be done before there is a run; `trouble` is why it could not be done."""

    def __init__(self, standby: socket.socket) -> None:
        self.standby = standby
        self.trouble = ""

    def reach(self) -> None:
        """Get ready, and tell the standby whether it is so."""
        # Its threads keep the priority that they are born with, and compute later on.
        import numpy  # noqa: F401

        # Of this thread alone, which ends: a process could not take its own low priority back.
        os.setpriority(os.PRIO_PROCESS, 0, LOW_PRIORITY)
        try:
            # Only now: the other thread listens from the first moment on.
            from trainer.warm_up import warm_up

            warm_up()
        except BaseException as error:
            traceback.print_exc()
            self.trouble = run.describe(error)
        word = {"unfit": self.trouble} if self.trouble else {"ready": True}
        with contextlib.suppress(OSError):  # taken meanwhile
            handover.send(self.standby, word)


def start_anew(trouble: str) -> NoReturn:
    """Be a new process for the run, which was taken before it was known that this one is unfit."""
    os.environ[COLD_VARIABLE] = f"the standby could not get ready: {trouble}"
    os.execv(sys.executable, [sys.executable, "-P", "-m", "trainer.run"])


def join_run(environment: dict[str, str], log: int) -> None:
    """Write into the run's log from now on, and say what the run waits for."""
    for stream in (STDOUT, STDERR):
        os.dup2(log, stream)
    os.close(log)
    for name in (RUN_FOLDER_VARIABLE, ATTEMPT_VARIABLE):
        os.environ[name] = environment[name]
    journal = find_journal()
    assert journal is not None
    journal.stage(Stage.IMPORTS)


def become(environment: dict[str, str], folder: str) -> None:
    """Be as a process that was started for the run."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv[:] = [str(run.__file__)]


def train() -> NoReturn:
    """Train the run that the environment names."""
    from trainer.settling import settle

    settle()
    run.run_and_leave()


if __name__ == "__main__":
    main(int(sys.argv[1]))
