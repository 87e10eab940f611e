"""What holds for every kind of errand; the fake `python` does as its request says."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import SpecError
from core.files import load_json, save_json
from core.paths import Workspace
from core.settings import Settings
from daemon.audits import Audits
from daemon.errands import Errand, Errands, oldest
from daemon.supervisor import Supervisor
from tests.clock import Clock
from tests.waiting import wait_until

FAKE = """\
#!{python}
import os, signal, sys, time
from pathlib import Path

request = Path(sys.argv[4])
answer = request.with_suffix(".json")
request.with_suffix(".begun").write_text(str(os.getpid()))
exec(request.read_text())
"""
ANSWER = "answer.write_text('{}')"
SLEEP = "time.sleep(60)"


class Notes(Errands):
    """Does what the text of a request says."""

    word = "note"

    def find_next(self) -> Path | None:
        return oldest(self._workspace.runs.glob("*.yaml"))

    def read(self, request: Path) -> Errand:
        if request.stem == "dishonest":
            raise SpecError("not me")
        answer, log = request.with_suffix(".json"), request.with_suffix(".log")
        cancel = request.with_suffix(".cancel")
        return Errand(request, "trainer.note", [str(request)], answer, log, cancel)

    def refuse(self, errand: Errand, reason: str, is_cancelled: bool = False) -> None:
        save_json(errand.answer, {"reason": reason, "cancelled": is_cancelled})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.runs.mkdir()
    return workspace


@pytest.fixture
def python(tmp_path: Path) -> str:
    fake = tmp_path / "python"
    fake.write_text(FAKE.format(python=sys.executable))
    fake.chmod(0o755)
    return str(fake)


Make = Callable[..., Notes]


@pytest.fixture
def make(workspace: Workspace, python: str) -> Iterator[Make]:
    made: list[Notes] = []

    def make_(
        timeout_s: float = float("inf"), clock: Callable[[], float] = time.monotonic
    ) -> Notes:
        made.append(Notes(workspace, python, {"PATH": os.environ["PATH"]}, timeout_s, clock))
        return made[-1]

    yield make_
    for notes in made:
        stop(notes)


def stop(errands: Errands) -> None:
    """Stop, and collect what was killed."""
    errands.stop()
    wait_until(lambda: all(process.poll() is not None for process in errands._killed))


def ask(workspace: Workspace, what: str, name: str = "one") -> Path:
    request = workspace.runs / f"{name}.yaml"
    request.write_text(what)
    return request


def answer_to(notes: Notes, request: Path) -> dict[str, object]:
    wait_until(lambda: not request.exists(), notes.tick)
    return load_json(request.with_suffix(".json"))


def begun(notes: Notes, request: Path) -> int:
    return int(wait_until(lambda: _text(request.with_suffix(".begun")), notes.tick))


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_an_answer_ends_the_request(workspace: Workspace, make: Make) -> None:
    assert answer_to(make(), ask(workspace, ANSWER)) == {}


def test_without_a_timeout_it_may_take_forever(workspace: Workspace, make: Make) -> None:
    clock = Clock()
    notes = make(clock=clock)
    request = ask(workspace, SLEEP)
    begun(notes, request)
    clock.now = 1e9
    notes.tick()
    assert request.exists()


def test_what_takes_too_long_is_ended(workspace: Workspace, make: Make) -> None:
    clock = Clock()
    notes = make(600, clock)
    request = ask(workspace, SLEEP)
    pid = begun(notes, request)
    clock.now = 600
    assert answer_to(notes, request)["reason"] == "the note took longer than 600 s"
    wait_until(lambda: is_gone(pid), notes.tick)


def test_what_was_cancelled_may_end_in_good_order(workspace: Workspace, make: Make) -> None:
    notes = make(clock=Clock())
    cancel = "cancel = request.with_suffix('.cancel')\n"
    request = ask(workspace, f"{cancel}while not cancel.exists(): time.sleep(0.01)\n{ANSWER}")
    begun(notes, request)
    request.with_suffix(".cancel").touch()
    assert answer_to(notes, request) == {}
    assert not request.with_suffix(".cancel").exists()


def test_what_does_not_heed_its_cancel_is_ended(workspace: Workspace, make: Make) -> None:
    clock = Clock()
    notes = make(clock=clock)
    request = ask(workspace, SLEEP)
    pid = begun(notes, request)
    request.with_suffix(".cancel").touch()
    notes.tick()
    clock.now = 4.9
    notes.tick()
    assert request.exists()
    clock.now = 5
    assert answer_to(notes, request) == {"reason": "the note was cancelled", "cancelled": True}
    wait_until(lambda: is_gone(pid), notes.tick)


def test_what_was_killed_is_told_of_with_its_last_words(workspace: Workspace, make: Make) -> None:
    last = "print('counting rows', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    reason = answer_to(make(), ask(workspace, last))["reason"]
    assert reason == "the note was killed (SIGKILL): counting rows"


def test_a_request_outlives_the_daemon(workspace: Workspace, make: Make) -> None:
    notes = make()
    request = ask(workspace, SLEEP)
    pid = begun(notes, request)
    stop(notes)
    assert is_gone(pid)
    request.write_text(ANSWER)
    assert answer_to(make(), request) == {}


def test_the_dishonest_do_not_hold_up_the_others(workspace: Workspace, make: Make) -> None:
    bad = ask(workspace, ANSWER, "dishonest")
    os.utime(bad, (1, 1))
    assert answer_to(make(), ask(workspace, ANSWER)) == {}
    assert not bad.exists() and not bad.with_suffix(".json").exists()


KEY = "0123456789abcdef0123456789abcdef"


def test_an_audit_is_answered_or_refused(workspace: Workspace, tmp_path: Path) -> None:
    fake = tmp_path / "auditor"
    fake.write_text(
        f"#!{sys.executable}\nimport sys, json\nfrom pathlib import Path\n"
        "out = Path(sys.argv[5].removeprefix('--out='))\n"
        "assert out.stem.startswith('0'), 'no idea'\n"
        "out.write_text(json.dumps({'ok': True, 'told': sys.argv[1:5]}))\n"
    )
    fake.chmod(0o755)
    workspace.audits.mkdir(parents=True)
    audits = Audits(workspace, str(fake), {"PATH": os.environ["PATH"]})
    good, bad = workspace.audits / f"{KEY}.yaml", workspace.audits / f"{KEY[::-1]}.yaml"
    for request in (good, bad, workspace.audits / "..x.yaml", workspace.audits / "other.yaml"):
        request.write_text("config: {}\n")
    wait_until(lambda: not list(workspace.audits.glob("[!.]*.yaml")), audits.tick)
    told = load_json(good.with_suffix(".json"))["told"]
    assert told == ["-P", "-m", "trainer.audit", f"--request={good}"]
    answer = load_json(bad.with_suffix(".json"))
    assert not answer["ok"] and "no idea" in answer["reason"]


def test_the_daemon_runs_all_kinds_of_errands(workspace: Workspace) -> None:
    supervisor = Supervisor(workspace, Settings(), {}, obtain=lambda start: pytest.fail("no run"))
    words = {errands.word for errands in supervisor.errands.values()}
    assert words == {"check", "audit", "fetch", "import", "notice"}
