"""python -P -m trainer.sandbox [--idle-timeout-s 300] [--device cpu|cuda]

Serves until it is told to stop or nobody has asked anything for a while.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
from typing import Any

import uvicorn

from core.clock import now_text
from core.files import save_json
from core.paths import SandboxPaths, find_workspace
from core.process import started_ticks
from core.sandbox.client import read_server
from trainer.long_imports import long_imports
from trainer.sandbox.answers import Answers, Writer
from trainer.sandbox.room import be_first_to_go
from trainer.sandbox.server import create_app

LOOK_INTERVAL_S = 0.1
STOP_TIMEOUT_S = 1.0


def main() -> int:
    """Serve; 0 when told to stop or idle for long, 1 when no model can be loaded at all."""
    arguments = parse_arguments()
    be_first_to_go()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    workspace = find_workspace()
    token = secrets.token_urlsafe(32)
    answers = Answers(lambda: open_writer(arguments.device))
    listener = listen()
    card = Card(workspace.sandbox, listener.getsockname()[1], token, arguments.device)
    server = QuietServer(
        uvicorn.Config(
            create_app(workspace, answers, token),
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
    )
    server.stop_at_signals()
    card.save("importing")
    answers.thread.start()
    try:
        asyncio.run(serve(server, listener, answers, card, arguments.idle_timeout_s))
    finally:
        card.remove()
    answers.close(STOP_TIMEOUT_S)
    return 1 if answers.crashed else 0


def parse_arguments() -> argparse.Namespace:
    """How long to wait for questions, and where to compute."""
    parser = argparse.ArgumentParser(prog="trainer.sandbox", description=__doc__)
    parser.add_argument("--idle-timeout-s", type=float, default=300.0)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    return parser.parse_args()


def open_writer(device: str) -> Writer:
    """The part that needs torch, imported by the worker while the server answers already."""
    # Only speculative decoding would use it, and with pandas and scipy it takes a second.
    sys.modules.setdefault("sklearn", None)  # type: ignore[arg-type]
    with long_imports():
        from trainer.sandbox.writer import TorchWriter

    return TorchWriter(device)


def listen() -> socket.socket:
    """A socket on a free port of this machine that takes connections at once."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    return listener


async def serve(
    server: "QuietServer",
    listener: socket.socket,
    answers: Answers,
    card: "Card",
    idle_timeout_s: float,
) -> None:
    """Serve until told to stop, idle for too long, or the worker has crashed."""
    serving = asyncio.create_task(server.serve([listener]))
    told = False
    while not serving.done():
        if answers.is_ready and not told:
            card.save("ready")
            told = True
        if answers.crashed or answers.idle_s() > idle_timeout_s:
            server.should_exit = True
        await asyncio.sleep(LOOK_INTERVAL_S)
    await serving


class QuietServer(uvicorn.Server):
    """Uvicorn, less its own way with signals, which would end the process by the signal again."""

    def stop_at_signals(self) -> None:
        """Take SIGTERM and SIGINT as a wish to stop in order."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: Any) -> None:
        self.should_exit = True

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()


class Card:
    """server.json: how this process is reached."""

    def __init__(self, paths: SandboxPaths, port: int, token: str, device: str) -> None:
        self._path = paths.server
        self._record: dict[str, Any] = {
            "pid": os.getpid(),
            "started_ticks": started_ticks(os.getpid()),
            "port": port,
            "token": token,
            "started_at": now_text(),
            "device": device,
        }

    def save(self, state: str) -> None:
        """Tell of this process; only the owner of the workspace may read the token."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        save_json(self._path, {**self._record, "state": state}, mode=0o600)

    def remove(self) -> None:
        """Tell nobody any more, unless another process took the place."""
        server = read_server(self._path)
        if server is not None and server.pid == os.getpid():
            self._path.unlink(missing_ok=True)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit(): a worker in the middle of loading would crash torch's own way out.
    os._exit(code)
