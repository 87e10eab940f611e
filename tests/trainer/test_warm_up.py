"""What a process that got ready has in common with one that was started for its run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.paths import CODE_ROOT, Workspace
from daemon.start import standby_environment
from tests.real import build_starter

pytestmark = pytest.mark.slow

LOOK = """
import json, sys, threading
from contextvars import Context
from threading import Thread

def look():
    import torch, torch._inductor.config as inductor, torch._dynamo.config as dynamo
    return {
        "grad": torch.is_grad_enabled(),
        "dtype": str(torch.get_default_dtype()),
        "threads": torch.get_num_threads(),
        "inductor": {key: repr(value) for key, value in inductor.shallow_copy_dict().items()},
        "dynamo": {key: repr(value) for key, value in dynamo.shallow_copy_dict().items()},
        "cuda": torch.cuda.is_initialized(),
        "python_threads": len(threading.enumerate()),
        "llama": "transformers.models.llama.modeling_llama" in sys.modules,
    }

def warm_up():
    from trainer.warm_up import warm_up
    warm_up()

if sys.argv[1] == "warm":
    context = Context()
    thread = Thread(target=context.run, args=(warm_up,))
    thread.start()
    thread.join()
    seen = context.run(look)
else:
    warm_up()
    seen = look()
print("LOOK" + json.dumps(seen))
"""


def begin_look(how: str, root: Path) -> "subprocess.Popen[str]":
    """A process that tells what it sees of itself once it is ready."""
    environment = standby_environment(Workspace(root), "x", (), os.environ)
    return subprocess.Popen(
        [sys.executable, "-P", "-c", LOOK, how],
        env=environment | {"PYTHONPATH": str(CODE_ROOT), "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def end_look(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """What it told."""
    told, _ = process.communicate()
    return json.loads(told.rpartition("LOOK")[2].splitlines()[0])


def test_getting_ready_beside_the_main_thread_leaves_the_same_process_behind(
    tmp_path: Path,
) -> None:
    build_starter(tmp_path)
    looks = [begin_look(how, tmp_path) for how in ("warm", "plain")]
    warm, plain = map(end_look, looks)
    assert warm == plain
    assert warm["llama"], "the code of the workspace's models is not loaded"
    assert not warm["cuda"]
    assert warm["python_threads"] == 1
    assert (Workspace(tmp_path).compiled).is_dir(), "what packs rows is compiled at every start"
