"""Notices from the move of a run to what an address gets: each once, and never the address told."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.files import save_json
from core.lock import take_lock
from core.notice.address import key_of
from core.notice.request import ask_test, find_answer, request_path
from core.paths import Workspace
from core.run.phase import Verb
from core.run.status import to_record
from core.run.store import Store
from daemon.fresh_settings import FreshSettings
from daemon.notices import OLDEST_TEST_S, RETRY_AFTER_S, Notices
from tests.clock import Clock
from tests.listening import Listener, listening
from tests.supervision import phase, spec_text, supervising, the_run, tick_until
from tests.waiting import wait_until

# Stands for `python`: answers as the file `answer` says.
FAKE = """\
#!{python}
import json, pathlib, sys
request, out = (pathlib.Path(a.partition("=")[2]) for a in sys.argv[4:6])
with (out.parent / "sent.txt").open("a") as sent:
    sent.write(" ".join(sys.argv[1:]) + "\\n")
exec((out.parent / "do.py").read_text())
"""
ANSWER = """\
out.write_text(json.dumps({{"is_sent": {sent}, "to": "x", "reason": "no luck",
    "at": "2026-01-01T00:00:00Z", "is_final": {final}}}))
"""
ADDRESS = "json://user:hunter2@127.0.0.1:9/hush"


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


def want(workspace: Workspace, *addresses: str, on: tuple[str, ...] = ()) -> None:
    """Write the addresses into the settings."""
    workspace.configs.mkdir(exist_ok=True)
    lines = [f"notify: {json.dumps(addresses)}"]
    lines += [f"notify_on: {json.dumps(on)}"] if on else []
    workspace.settings.write_text("\n".join(lines) + "\n")


def settled(workspace: Workspace) -> bool:
    """Whether every notice was asked for and answered."""
    names = [path.suffix for path in workspace.notices.iterdir()]
    return ".json" in names and ".yaml" not in names


def everything_told(workspace: Workspace) -> str:
    """Every text file in `runs`."""
    paths = [path for path in workspace.runs.rglob("*") if path.is_file()]
    return "".join(path.read_text(errors="replace") for path in paths)


Make = Callable[..., Notices]


@pytest.fixture
def make(tmp_path: Path, workspace: Workspace) -> Iterator[Make]:
    made = []

    def make_(body: str = "", clock: Callable[[], float] = time.monotonic) -> Notices:
        workspace.notices.mkdir(exist_ok=True)
        (workspace.notices / "do.py").write_text(body)
        fake = tmp_path / "python"
        fake.write_text(FAKE.format(python=sys.executable))
        fake.chmod(0o755)
        env = {"PATH": os.environ["PATH"]}
        fresh = FreshSettings(workspace)
        made.append(Notices(workspace, str(fake), env, fresh, monotonic=clock))
        return made[-1]

    yield make_
    for notices in made:
        notices.stop()
        wait_until(lambda notices=notices: not notices._killed, notices.tick)


def ask(workspace: Workspace, address: str = ADDRESS) -> Path:
    """A request as the daemon itself makes it."""
    [name] = ask_test(workspace, [address])
    path = request_path(workspace, name)
    return path.rename(path.with_name(path.name.replace("test-", "run-")))


def sent(workspace: Workspace) -> int:
    path = workspace.notices / "sent.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_run_that_ends_is_told_to_each_address_by_the_real_child(
    workspace: Workspace, store: Store, listener: Listener
) -> None:
    want(workspace, listener.address, "nonsense://secret-token/x")
    store.submit("first", spec_text("first", "steps-5"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "first") == "completed")
        tick_until(supervisor, lambda: settled(workspace))
        tick_until(supervisor, lambda: supervisor.notices.troubles)
        assert "a notice could not be sent to nonsense://…" in supervisor.notices.troubles[0]
    [got] = listener.got
    assert got["title"] == "first completed"
    assert got["type"] == "success"
    assert "Step 5 of 5" in got["message"]
    assert "loss" in got["message"]
    told = everything_told(workspace)
    for secret in ("hunter2", "hush", "secret-token"):
        assert secret not in told


def test_nothing_is_told_twice_after_a_restart_and_nothing_is_forgotten(
    workspace: Workspace, store: Store, listener: Listener
) -> None:
    want(workspace, listener.address)
    store.submit("one", spec_text("one"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "one") == "completed")
        tick_until(supervisor, lambda: settled(workspace))
    # As if the daemon had died between the move and the notice.
    for path in workspace.notices.iterdir():
        path.unlink()
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: settled(workspace))
    assert len(listener.got) == 2
    for _ in range(2):
        with supervising(workspace) as supervisor:
            for _ in range(5):
                supervisor.tick()
            assert settled(workspace)
    assert len(listener.got) == 2


def test_what_ended_long_before_is_no_news_to_a_new_daemon(
    workspace: Workspace, store: Store
) -> None:
    store.submit("one", spec_text("one"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "one") == "completed")
    want(workspace, ADDRESS)
    run = the_run(workspace, "one")
    old = replace(run.status, since=run.status.since.replace(year=2020))
    save_json(run.paths.status, to_record(old))
    with supervising(workspace) as supervisor:
        supervisor.tick()
    workspace.heartbeat.unlink()
    save_json(run.paths.status, to_record(run.status))
    with supervising(workspace) as supervisor:
        supervisor.tick()
    assert list(workspace.notices.glob("*.yaml")) == []


def test_only_what_was_chosen_is_told(workspace: Workspace, store: Store) -> None:
    want(workspace, ADDRESS, on=("needs_help",))
    for name, behaviour in (("done", "steps-3"), ("gone", "steps-900")):
        store.submit(name, spec_text(name, behaviour))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "done") == "completed")
        tick_until(supervisor, lambda: phase(workspace, "gone") == "running")
        run = the_run(workspace, "gone")
        assert run
        store.request(run.run_id, Verb.CANCEL)
        tick_until(supervisor, lambda: phase(workspace, "gone") == "cancelled")
        supervisor.tick()
        assert list(workspace.notices.glob("*.yaml")) == []


def test_a_run_that_a_guard_holds_is_told_of_once(workspace: Workspace, store: Store) -> None:
    want(workspace, ADDRESS)
    store.submit("held", spec_text("held", "steps-900"))
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: phase(workspace, "held") == "running")
        [run] = supervisor.roster.live.values()
        run.pause("only 1 GiB is free", "disk")
        supervisor.guard_runs = lambda: None  # type: ignore[method-assign]
        supervisor.notices.tick = lambda: None  # type: ignore[method-assign]
        supervisor.errands.pop("sending notices")
        tick_until(supervisor, lambda: phase(workspace, "held") == "paused")
        for _ in range(5):
            supervisor.tick()
        [request] = workspace.notices.glob("*.yaml")
        assert "held needs help" in request.read_text()


def test_a_try_that_fails_is_made_again_later_each_time_and_given_up_at_last(
    workspace: Workspace, make: Make
) -> None:
    clock = Clock()
    want(workspace, ADDRESS)
    notices = make(ANSWER.format(sent=False, final=False), clock)
    request = ask(workspace)
    for number, wait_s in enumerate(RETRY_AFTER_S, 1):
        wait_until(lambda number=number: sent(workspace) == number, notices.tick)
        wait_until(lambda: notices._work is None, notices.tick)
        clock.now += wait_s - 1
        notices.tick()
        assert notices._work is None and notices.troubles == []
        clock.now += 1
    wait_until(lambda: not request.exists(), notices.tick)
    assert sent(workspace) == len(RETRY_AFTER_S) + 1
    assert notices.troubles == [
        "a notice could not be sent to x: no luck The page Settings has a test."
    ]
    # Nobody needs to hear of an address that nobody wants any more.
    want(workspace, "json://127.0.0.1:9/another")
    assert notices.troubles == []


def test_what_was_sent_is_not_sent_again_though_its_request_is_there(
    workspace: Workspace, make: Make
) -> None:
    want(workspace, ADDRESS)
    notices = make(ANSWER.format(sent=True, final=True))
    request = ask(workspace)
    exec(ANSWER.format(sent=True, final=True), {"json": json, "out": request.with_suffix(".json")})
    wait_until(lambda: not request.exists(), notices.tick)
    assert sent(workspace) == 0


def test_while_an_earlier_daemons_child_sends_another_waits(
    workspace: Workspace, make: Make
) -> None:
    want(workspace, ADDRESS)
    notices = make(ANSWER.format(sent=True, final=True))
    request = ask(workspace)
    lock = take_lock(workspace.notices / ".lock")
    assert lock is not None
    notices.tick()
    assert notices._work is None
    os.close(lock)
    wait_until(lambda: not request.exists(), notices.tick)
    assert sent(workspace) == 1


def test_a_failed_test_is_not_repeated_and_troubles_nobody(
    workspace: Workspace, make: Make
) -> None:
    want(workspace, ADDRESS)
    notices = make(ANSWER.format(sent=False, final=False))
    [name] = ask_test(workspace, [ADDRESS])
    answer = wait_until(lambda: find_answer(workspace, name), notices.tick)
    assert not answer.is_sent and notices.troubles == [] and sent(workspace) == 1


def test_a_test_that_nobody_waits_for_any_more_is_not_sent(
    workspace: Workspace, make: Make
) -> None:
    want(workspace, ADDRESS)
    notices = make(ANSWER.format(sent=True, final=True))
    [name] = ask_test(workspace, [ADDRESS])
    path = request_path(workspace, name)
    long_ago = time.time() - OLDEST_TEST_S - 1
    os.utime(path, (long_ago, long_ago))
    answer = wait_until(lambda: find_answer(workspace, name), notices.tick)
    assert "not sent in time" in answer.reason and sent(workspace) == 0


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "", "import os; os.kill(os.getpid(), 9)"])
def test_a_child_that_breaks_is_told_of_without_the_address(
    workspace: Workspace, make: Make, body: str
) -> None:
    want(workspace, ADDRESS)
    notices = make(body)
    [name] = ask_test(workspace, [ADDRESS])
    answer = wait_until(lambda: find_answer(workspace, name), notices.tick)
    assert not answer.is_sent and answer.to == "json://127.0.0.1:9"


def test_a_request_that_vanishes_while_it_is_done_stops_nothing(
    workspace: Workspace, make: Make
) -> None:
    want(workspace, ADDRESS)
    notices = make("request.unlink(); raise SystemExit(3)")
    ask(workspace)
    wait_until(lambda: sent(workspace) == 1, notices.tick)
    wait_until(lambda: notices._work is None, notices.tick)
    assert list(workspace.notices.glob("*.yaml")) == []


def test_requests_that_are_no_honest_ones_are_removed(workspace: Workspace, make: Make) -> None:
    notices = make()
    key = key_of(ADDRESS)
    (workspace.notices / f"broken.{key}.yaml").write_text("kind: [")
    (workspace.notices / "nameless.yaml").write_text("kind: x\n")
    wait_until(lambda: not list(workspace.notices.glob("*.yaml")), notices.tick)
    assert sent(workspace) == 0


def test_answers_are_kept_for_a_month(workspace: Workspace, make: Make) -> None:
    notices = make()
    old, new = workspace.notices / "old.json", workspace.notices / "new.json"
    for path in (old, new):
        path.write_text("{}")
    os.utime(old, (1, 1))
    notices.tick()
    assert not old.exists() and new.exists()


def test_the_child_says_in_plain_words_what_failed_and_hides_the_rest(
    workspace: Workspace, store: Store
) -> None:
    addresses = [ADDRESS, "json://user:hunter2@no.such.host.invalid/hush", "tgram://bad-token"]
    want(workspace, *addresses)
    names = ask_test(workspace, addresses)
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: all(find_answer(workspace, name) for name in names))
    answers = [find_answer(workspace, name) for name in names]
    assert [answer.is_sent for answer in answers if answer] == [False] * 3
    assert "onnection" in answers[0].reason
    assert "no.such.host.invalid" in answers[1].reason
    assert answers[2].to == "tgram://…"
    told = everything_told(workspace)
    for secret in ("hunter2", "hush", "bad-token"):
        assert secret not in told


def test_a_hostile_name_arrives_as_it_is(workspace: Workspace, listener: Listener) -> None:
    want(workspace, listener.address)
    [name] = ask_test(workspace, [listener.address])
    path = request_path(workspace, name)
    text = "<b>x</b> [y](http://z) {{ z }} 'q' \\\\n $(id) \u202e"
    path.write_text(
        path.read_text().replace("A test from LLM Trainer", json.dumps(text)),
    )
    with supervising(workspace) as supervisor:
        tick_until(supervisor, lambda: find_answer(workspace, name))
    assert listener.got[0]["title"] == "<b>x</b> [y](http://z) {{ z }} 'q' \\\\n $(id)"


def test_settings_count_at_once_and_bad_ones_leave_what_was(workspace: Workspace) -> None:
    fresh = FreshSettings(workspace)
    assert fresh.look().notify == ()
    want(workspace, ADDRESS)
    assert fresh.look().notify == (ADDRESS,)
    workspace.settings.write_text("notify: [\n")
    assert fresh.look().notify == (ADDRESS,)
    assert "as the settings were before" in fresh.trouble and "hunter2" not in fresh.trouble
    want(workspace)
    assert fresh.look().notify == () and fresh.trouble == ""
