"""Whose a process is: told by its environment, named without its arguments."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from core.gpu import GpuProcess
from daemon.gpu_processes import look_at, program_name

MARK = "LLM_TRAINER_RUN=/ws/runs/20261122-120000-mine"
SLEEP = "import sys; print(1, flush=True); sys.stdin.read()"


@pytest.fixture
def marked() -> Iterator[int]:
    name, _, value = MARK.partition("=")
    with subprocess.Popen(
        [sys.executable, "-c", SLEEP, "--token", "secret"],
        env={**os.environ, name: value},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout and process.stdin
        process.stdout.readline()
        yield process.pid
        process.stdin.close()


def test_a_process_of_a_run_is_known_by_its_mark(marked: int) -> None:
    seen = look_at(GpuProcess(marked, 3072), {"X=1": "other", MARK: "20261122-120000-mine"})
    assert (seen.run_id, seen.memory_mib) == ("20261122-120000-mine", 3072)


def test_a_foreign_process_has_a_name_and_a_user_but_no_arguments(marked: int) -> None:
    seen = look_at(GpuProcess(marked, None), {})
    assert seen.run_id == ""
    assert seen.name.startswith("python")
    assert "secret" not in seen.name
    assert seen.user


def test_a_process_that_is_gone_is_a_number_alone() -> None:
    seen = look_at(GpuProcess(2**22 + 1, 5), {MARK: "r"})
    assert (seen.run_id, seen.name, seen.user) == ("", "", "")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ([], ""),
        ([""], ""),
        (["/usr/bin/ollama", "serve", "--key=x"], "ollama"),
        (["python3", "-u", "/home/me/train.py", "--token", "x"], "train.py"),
        (["/v/bin/python", "-P", "-m", "trainer.sandbox"], "trainer.sandbox"),
        (["python", "-c", "print('secret')"], "python"),
        (["python", "-m"], "python"),
        (["python"], "python"),
        (["Xorg :0 <script>", ""], "Xorg :0 <script>"),
    ],
)
def test_a_program_is_named_by_what_it_runs(arguments: list[str], name: str) -> None:
    assert program_name(arguments) == name
