import json
import os
import sys
import time

import pytest

from core.errors import SpecError
from core.files import load_json
from core.model_check import read_check, request_check, request_path
from core.paths import Workspace
from daemon.model_checks import ModelChecks
from tests.clock import Clock
from tests.waiting import wait_until

# Stands for `python`: answers with its own arguments.
FAKE = """\
#!{python}
import json, os, sys, time
from pathlib import Path

arguments = sys.argv[1:]
model = arguments[3].removeprefix("--base-model=")
out = Path(arguments[4].removeprefix("--out="))
(out.parent / f"pid-{{os.getpid()}}.txt").write_text(model)
{body}
"""
ANSWER = 'out.write_text(json.dumps({"base_model": model, "ok": True, "arguments": arguments}))'


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def make_checks(tmp_path, workspace):
    made = []

    def make(body=ANSWER, clock=time.monotonic, python=None):
        fake = tmp_path / "python"
        fake.write_text(FAKE.format(python=sys.executable, body=body))
        fake.chmod(0o755)
        env = {"PATH": os.environ["PATH"]}
        made.append(ModelChecks(workspace, python or str(fake), env, 60, clock))
        return made[-1]

    yield make
    for checks in made:
        checks.stop()
        wait_until(lambda checks=checks: not checks._killed, checks.tick)


def answer_to(checks, workspace, base_model):
    return wait_until(lambda: read_check(workspace, base_model), checks.tick)


def test_without_requests_nothing_is_done(workspace, make_checks):
    make_checks().tick()
    assert not workspace.model_checks.exists()


def test_a_request_is_answered_and_removed(workspace, make_checks):
    path = request_check(workspace, "./models/starter")
    assert read_check(workspace, "./models/starter") is None
    answer = answer_to(make_checks(), workspace, "./models/starter")
    assert answer["ok"] and load_json(path) == answer
    assert answer["arguments"][:3] == ["-P", "-m", "trainer.model_check"]
    assert not request_path(workspace, "./models/starter").exists()


@pytest.mark.parametrize("base_model", ["-rf", "--out=/etc/x", "a b; rm -rf /", "$(id)", "Ä/ß"])
def test_any_text_arrives_as_the_value_of_one_argument(workspace, make_checks, base_model):
    request_check(workspace, base_model)
    answer = answer_to(make_checks(), workspace, base_model)
    assert answer["arguments"][3] == f"--base-model={base_model}"
    assert len(answer["arguments"]) == 5


@pytest.mark.parametrize("base_model", ["", " ", "a\nb", "a\0b", "x" * 301, "a\x1b[0m"])
def test_text_that_is_no_name_is_refused(workspace, base_model):
    with pytest.raises(SpecError):
        request_check(workspace, base_model)


def test_one_check_at_a_time_the_oldest_first(workspace, make_checks):
    request_check(workspace, "first")
    os.utime(request_path(workspace, "first"), (1, 1))
    request_check(workspace, "second")
    checks = make_checks("while not (out.parent / 'go').exists(): time.sleep(0.01)\n" + ANSWER)
    notes = lambda: [p.read_text() for p in workspace.model_checks.glob("pid-*.txt")]  # noqa: E731
    wait_until(lambda: notes() == ["first"], checks.tick)
    for _ in range(5):
        checks.tick()
    assert notes() == ["first"]
    (workspace.model_checks / "go").touch()
    assert answer_to(checks, workspace, "second")["ok"]
    assert read_check(workspace, "first")["ok"]


def test_a_check_that_takes_too_long_is_ended_and_told_of(workspace, make_checks):
    clock = Clock()
    checks = make_checks("time.sleep(60)", clock)
    request_check(workspace, "slow")
    note = wait_until(lambda: list(workspace.model_checks.glob("pid-*.txt")), checks.tick)[0]
    clock.now = 60.0
    answer = answer_to(checks, workspace, "slow")
    assert not answer["ok"] and "longer than 60 s" in answer["reason"]
    pid = note.stem.removeprefix("pid-")
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), checks.tick)  # noqa: PTH110


def test_a_check_that_crashes_is_told_of(workspace, make_checks):
    checks = make_checks("raise SystemExit('out of luck')")
    request_check(workspace, "x")
    answer = answer_to(checks, workspace, "x")
    assert not answer["ok"] and "code 1: out of luck" in answer["reason"]


def test_a_python_that_is_missing_is_told_of(workspace, make_checks):
    checks = make_checks(python="/nowhere/python")
    request_check(workspace, "x")
    assert "could not be started" in answer_to(checks, workspace, "x")["reason"]


def test_an_old_answer_is_not_taken_for_the_new_one(workspace, make_checks):
    path = request_check(workspace, "x")
    path.write_text(json.dumps({"ok": True, "old": True}))
    checks = make_checks("raise SystemExit(1)")
    assert not answer_to(checks, workspace, "x")["ok"]


def test_requests_that_are_no_honest_ones_are_removed_or_left_alone(workspace, make_checks):
    request_check(workspace, "good")
    folder = workspace.model_checks
    (folder / "0123456789abcdef.yaml").write_text("base_model: foreign\n")
    (folder / "broken.yaml").write_text("base_model: [")
    (folder / "large.yaml").write_text("base_model: " + "x" * 5000)
    (folder / "link.yaml").symlink_to("/etc/passwd")
    (folder / "folder.yaml").mkdir()
    os.mkfifo(folder / "pipe.yaml")
    checks = make_checks()
    assert answer_to(checks, workspace, "good")["ok"]
    wait_until(
        lambda: (
            {p.name for p in folder.glob("*.yaml")} == {"link.yaml", "folder.yaml", "pipe.yaml"}
        ),
        checks.tick,
    )
    assert len(list(folder.glob("*.json"))) == 1
