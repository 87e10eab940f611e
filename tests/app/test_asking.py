import json
import os

import pytest

from core.errors import SandboxBusyError, SandboxError
from core.files import save_json
from core.process import started_ticks
from core.sandbox.client import Answer, Server
from streamlit_app.asking import LOST, Asking, Shown
from streamlit_app.conversation import ASSISTANT, USER, Turn, answer_turn, messages
from tests.app.furnished import Furnished

HELLO = [{"role": "user", "content": "hello"}]


def answer(state: str, text: str = "", reason: str = "") -> Answer:
    return Answer("ab12", state, text, len(text), 9.5, reason)


def open_sandbox(place: Furnished, state: str = "ready", **changes: object) -> None:
    place.workspace.sandbox.folder.mkdir(parents=True, exist_ok=True)
    record = {
        "pid": os.getpid(),
        "started_ticks": started_ticks(os.getpid()),
        "port": 1,
        "token": "t",
        "started_at": "x",
        "state": state,
        "device": "cpu",
    }
    save_json(place.workspace.sandbox.server, record | changes)


@pytest.fixture
def replies(monkeypatch: pytest.MonkeyPatch) -> list[Answer | SandboxError]:
    """What the sandbox replies, one after the other; the last one again and again."""
    waiting: list[Answer | SandboxError] = []

    def reply(self: Server, answer_id: str) -> Answer:
        found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(found, SandboxError):
            raise found
        return found

    monkeypatch.setattr(Server, "ask", lambda self, model, told, **sampling: "ab12")
    monkeypatch.setattr(Server, "answer", reply)
    monkeypatch.setattr(Server, "stop", reply)
    return waiting


def test_an_answer_grows_until_it_is_done(
    place: Furnished, replies: list[Answer | SandboxError]
) -> None:
    open_sandbox(place)
    replies += [
        answer("loading"),
        answer("answering"),
        answer("answering", "It"),
        answer("done", "It is."),
    ]
    asking = Asking("run", HELLO)
    seen = [asking.advance(place.workspace) for _ in range(6)]
    assert [(shown.note, shown.text) for shown in seen] == [
        ("Asking the model…", ""),
        ("Loading the model…", ""),
        ("Thinking…", ""),
        ("", "It"),
        ("", "It is."),
        ("", "It is."),
    ]
    assert seen[-1].is_ended


def test_a_sandbox_is_wanted_when_there_is_none(place: Furnished) -> None:
    place.beat()
    asking = Asking("run", HELLO)
    assert asking.advance(place.workspace).note.startswith("Starting the sandbox")
    assert place.workspace.sandbox.wanted.exists()


def test_a_wish_that_got_lost_is_wished_again(place: Furnished) -> None:
    place.beat()
    asking = Asking("run", HELLO)
    asking.advance(place.workspace)
    place.workspace.sandbox.wanted.unlink()
    asking.advance(place.workspace)
    assert place.workspace.sandbox.wanted.exists()


def test_an_old_failure_does_not_count_but_a_new_one_does(place: Furnished) -> None:
    place.beat()
    open_sandbox(place, "failed", reason="no torch here")
    os.utime(place.workspace.sandbox.server, (1, 1))
    asking = Asking("run", HELLO)
    asking.advance(place.workspace)
    assert not asking.advance(place.workspace).is_ended
    os.utime(place.workspace.sandbox.server)
    shown = asking.advance(place.workspace)
    assert (shown.state, shown.reason) == ("failed", "no torch here")


def test_a_sandbox_that_went_away_says_so_and_keeps_what_was_written(
    place: Furnished, replies: list[Answer | SandboxError]
) -> None:
    open_sandbox(place)
    replies.append(answer("answering", "It is"))
    asking = Asking("run", HELLO)
    asking.advance(place.workspace)
    asking.advance(place.workspace)
    place.workspace.sandbox.server.unlink()
    shown = asking.advance(place.workspace)
    assert (shown.text, shown.state, shown.reason) == ("It is", "failed", LOST)
    open_sandbox(place, "stopped", reason="a training needed its GPU")
    again = Asking("run", HELLO, answer_id="ab12", asked_pid=1, asked_at=asking.asked_at)
    assert again.advance(place.workspace).reason == "a training needed its GPU"


def test_a_sandbox_that_is_busy_is_looked_at_again_later(
    place: Furnished, replies: list[Answer | SandboxError]
) -> None:
    open_sandbox(place)
    replies += [answer("answering", "It"), SandboxBusyError("slow"), answer("done", "It is.")]
    asking = Asking("run", HELLO)
    seen = [asking.advance(place.workspace) for _ in range(4)]
    assert [shown.text for shown in seen] == ["", "It", "It", "It is."]


def test_stopping_keeps_the_text(place: Furnished, replies: list[Answer | SandboxError]) -> None:
    open_sandbox(place)
    replies += [answer("answering", "It"), answer("stopped", "It is")]
    asking = Asking("run", HELLO)
    asking.advance(place.workspace)
    asking.advance(place.workspace)
    asking.stop(place.workspace)
    assert (asking.shown.text, asking.shown.state) == ("It is", "stopped")
    assert json.loads(place.workspace.sandbox.server.read_text())["state"] == "ready"


def test_stopping_what_is_gone_is_stopping_too(
    place: Furnished, replies: list[Answer | SandboxError]
) -> None:
    open_sandbox(place)
    replies += [answer("answering", "It"), SandboxError("gone")]
    asking = Asking("run", HELLO)
    asking.advance(place.workspace)
    asking.advance(place.workspace)
    asking.stop(place.workspace)
    assert (asking.shown.text, asking.shown.state) == ("It", "stopped")


def test_an_ended_answer_becomes_a_turn() -> None:
    done = answer_turn(Shown("It is.", state="done", tokens_per_second=35.2))
    assert done == Turn(ASSISTANT, "It is.", "35 tokens per second")
    assert answer_turn(Shown("It", state="stopped")).note == "stopped"
    assert answer_turn(Shown("It", state="failed", reason="no memory")).reason == "no memory"


def test_questions_without_an_answer_are_not_told_again() -> None:
    turns = [
        Turn(USER, "one"),
        Turn(ASSISTANT, "1"),
        Turn(USER, "two"),
        Turn(ASSISTANT, "", reason="it failed"),
        Turn(USER, "three"),
    ]
    assert [message["content"] for message in messages(turns)] == ["one", "1", "three"]
