"""The app, or another server of pages, in a process of its own for as long as it is measured."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.waiting import wait_for
from core.paths import CODE_ROOT, Workspace
from trainer.keeper import find_free_port

APP = "streamlit_app/asgi.py"
EMPTY_PAGE = "bench/empty_page.py"


@dataclass(frozen=True)
class Server:
    """Where it answers, and its process."""

    address: str
    pid: int


@contextmanager
def serving_app(workspace: Workspace, script: str = APP) -> Iterator[Server]:
    """The app on this workspace, or another script of Streamlit."""
    command = ("-m", "streamlit", "run", script, "--server.port", "{port}")
    with serving(command, workspace.environment(), "_stcore/health") as server:
        yield server


@contextmanager
def serving(
    arguments: Sequence[str], environment: dict[str, str], health: str = ""
) -> Iterator[Server]:
    """A Python program that serves pages on `{port}`; ended afterwards."""
    port = find_free_port()
    command = [sys.executable, *(part.format(port=port) for part in arguments)]
    with (
        Path(os.devnull).open("wb") as nowhere,
        subprocess.Popen(
            command, cwd=CODE_ROOT, env=os.environ | environment, stdout=nowhere, stderr=nowhere
        ) as process,
    ):
        address = f"http://127.0.0.1:{port}"
        try:
            wait_for(lambda: answers(f"{address}/{health}"))
            yield Server(address, process.pid)
        finally:
            process.terminate()


def answers(url: str) -> bool:
    """Whether the address is served."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
