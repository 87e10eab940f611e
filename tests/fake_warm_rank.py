"""A rank of a standby that is ready at once, and trains as `tests.fake_trainer` does.

The variable FAKE_RANK in its environment makes it another one:

| word      | what it does                                       |
|-----------|----------------------------------------------------|
| `slow`    | is never ready, but takes a run                    |
| `unfit`   | says that it cannot get ready                      |
| `deaf`    | is ready, and does not answer when it is given one |
| `dies`    | is ready, and is killed when it is given one       |
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path

from core import handover
from core.files import save_json
from tests import fake_trainer
from trainer.warm_rank import become, join_run


def main(descriptor: int) -> None:
    how = os.environ.get("FAKE_RANK", "")
    standby = socket.socket(fileno=descriptor)
    if how == "unfit":
        handover.send(standby, {"unfit": "a library is missing"})
        time.sleep(600)
    if how != "slow":
        handover.send(standby, {"ready": True})
    handed = handover.receive(standby)
    if handed is None:
        sys.exit()
    if how == "deaf":
        time.sleep(600)
    if how == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    record, (_, log) = handed
    join_run(record["environment"], log)
    handover.send(standby, {"taken": True})
    standby.close()
    become(record["environment"], record["folder"])
    save_json(Path(os.environ["LLM_TRAINER_RUN"], "env.json"), dict(os.environ))
    fake_trainer.main()


if __name__ == "__main__":
    main(int(sys.argv[1]))
