import json
import os
import socket
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from core.errors import SandboxBusyError, SandboxError
from core.files import save_json
from core.paths import Workspace
from core.process import started_ticks
from core.safe_yaml import load_yaml
from core.sandbox.client import Server, find_server, want_sandbox
from core.sandbox.question import parse_model_name, parse_question
from trainer.keeper import find_free_port

HELLO = [{"role": "user", "content": "hello"}]
ANSWER = {
    "id": "ab12",
    "state": "answering",
    "text": "so far",
    "tokens": 2,
    "tokens_per_second": 9.5,
    "reason": "",
}


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def server_at(port, **changes):
    server = Server(os.getpid(), port, "secret", "2026-11-22T13:00:00.000Z", "ready", "cpu")
    return replace(server, **changes)


@pytest.fixture
def fake():
    """A sandbox that gives each reply in `replies` once and keeps what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            asked.append((self.command, self.path, self.headers["Authorization"], body))
            status, reply = replies.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        do_POST = do_DELETE = do_GET

        def log_message(self, *args):
            pass

    asked, replies = [], []
    http_server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http_server.serve_forever, args=(0.01,))
    thread.start()
    server = server_at(http_server.server_port)
    yield server, asked, replies
    http_server.shutdown()
    thread.join()
    http_server.server_close()


def save_card(workspace, **changes):
    workspace.sandbox.folder.mkdir(parents=True, exist_ok=True)
    record = {"pid": os.getpid(), "port": 1, "token": "t", "started_at": "x", "state": "ready"}
    save_json(workspace.sandbox.server, {**record, "device": "cpu", **changes})


def test_wanting_a_sandbox_leaves_a_file_for_the_daemon(workspace):
    want_sandbox(workspace)
    assert "at" in load_yaml(workspace.sandbox.wanted.read_text())


def test_no_server_is_found_without_a_readable_file(workspace):
    assert find_server(workspace) is None
    workspace.sandbox.folder.mkdir(parents=True)
    for text in ("", "[]", "{}", '{"pid": 1}', '{"pid": "x", "port": 1}'):
        workspace.sandbox.server.write_text(text)
        assert find_server(workspace) is None


def test_a_living_server_is_found_whatever_else_the_file_tells(workspace):
    save_card(workspace, started_ticks=started_ticks(os.getpid()), later_version="more")
    assert find_server(workspace).port == 1


def test_no_server_is_found_when_its_pid_is_gone_or_another_process(workspace):
    save_card(workspace, pid=2**22 + 1)
    assert find_server(workspace) is None
    save_card(workspace, started_ticks=started_ticks(os.getpid()) + 1)
    assert find_server(workspace) is None


def test_a_failed_server_is_found_with_its_reason(workspace):
    save_card(workspace, pid=2**22 + 1, state="failed", reason="no torch here")
    server = find_server(workspace)
    assert (server.is_live, server.reason) == (False, "no torch here")


def test_asking_sends_the_checked_question_with_the_token(fake):
    server, asked, replies = fake
    replies.append((202, b'{"id": "ab12"}'))
    assert server.ask("run-1/checkpoint-20", HELLO, temperature=0.5, seed=7) == "ab12"
    verb, path, authorization, body = asked[0]
    assert (verb, path, authorization) == ("POST", "/answers", "Bearer secret")
    assert json.loads(body) == {
        "model": "run-1/checkpoint-20",
        "messages": HELLO,
        "max_new_tokens": 256,
        "temperature": 0.5,
        "top_p": 1.0,
        "seed": 7,
    }


def test_an_answer_is_read_and_stopped(fake):
    server, asked, replies = fake
    replies += [(200, json.dumps(ANSWER).encode())] * 2
    assert server.answer("ab12").text == "so far"
    assert not server.stop("ab12").is_ended
    assert [request[:2] for request in asked] == [
        ("GET", "/answers/ab12"),
        ("DELETE", "/answers/ab12"),
    ]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ((400, b'{"reason": "choose a checkpoint"}'), "choose a checkpoint"),
        ((500, b"Internal Server Error"), "HTTP 500"),
        ((200, b"[1]"), "HTTP 200"),
        ((200, b'{"id": "ab12"}'), "left out"),
    ],
)
def test_a_bad_reply_is_a_sentence(fake, reply, told):
    server, _, replies = fake
    replies.append(reply)
    with pytest.raises(SandboxError, match=told):
        server.answer("ab12")


def test_a_server_that_is_gone_is_a_sentence():
    port = find_free_port()
    with pytest.raises(SandboxError, match="cannot be reached"):
        server_at(port).answer("ab12")


def test_a_server_that_does_not_reply_is_busy_and_a_sentence(monkeypatch):
    monkeypatch.setattr("core.sandbox.client.TIMEOUT_S", 0.05)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(SandboxBusyError, match="did not reply"),
    ):
        server_at(silent.getsockname()[1]).answer("ab12")


@pytest.mark.parametrize("text", ["../x", "ab/cd", "", "a" * 65, "AB"])
def test_only_answer_ids_are_sent(text):
    with pytest.raises(SandboxError, match="no answer id"):
        server_at(1).answer(text)


@pytest.mark.parametrize("text", ["run-1", "20261122.lora", "r/base", "r/checkpoint-20"])
def test_a_model_name_reads_back_as_it_was_written(text):
    assert str(parse_model_name(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "/", "..", ".hidden", "-rf", "Run", "r/", "r/x", "r/base/x", "r/../q", "r\n", "r/base\n",
     "r/checkpoint-", "r/checkpoint-1x", "a" * 129, "r\0"],
)  # fmt: skip
def test_a_name_that_is_no_model_is_refused(text):
    with pytest.raises(SandboxError, match="names no model"):
        parse_model_name(text)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": 1}, "names no model"),
        ({"messages": []}, "no messages"),
        ({"messages": "hello"}, "no messages"),
        ({"messages": [{"role": "root", "content": "x"}]}, "needs a role"),
        ({"messages": [{"role": "user"}]}, "needs a role"),
        ({"messages": HELLO * 201}, "at most 200"),
        ({"messages": [{"role": "user", "content": "x" * 200_001}]}, "at most 200,000"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"max_new_tokens": 2049}, "max_new_tokens"),
        ({"max_new_tokens": True}, "max_new_tokens"),
        ({"max_new_tokens": 1.5}, "max_new_tokens"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": 10**400}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"seed": -1}, "seed"),
        ({"trust_remote_code": True}, "does not know"),
    ],
)
def test_a_question_out_of_bounds_is_refused(changes, told):
    with pytest.raises(SandboxError, match=told):
        parse_question({"model": "run-1", "messages": HELLO, **changes})
