"""Starting a module of ours in a process that works on the workspace beside the daemon."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from core.paths import Workspace


def start_module(
    command: list[str],
    workspace: Workspace,
    env: Mapping[str, str],
    folder: Path,
    output: BinaryIO,
) -> "subprocess.Popen[bytes]":
    """Start the command in `folder`, in a session of its own; all it prints goes to `output`.

    Raises OSError when it cannot be started.
    """
    return subprocess.Popen(
        command,
        env={**env, **workspace.environment()},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
