"""The sandbox as others see it: how to want one, find it, ask it and read its answer."""

import http.client
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.clock import now_text
from core.errors import RecordError, SandboxBusyError, SandboxError
from core.files import load_json, write_whole
from core.paths import Workspace
from core.process import started_ticks
from core.safe_yaml import dump_yaml
from core.sandbox.question import DEFAULT_NEW_TOKENS, Message, parse_question

TIMEOUT_S = 2.0
MAX_REPLY_BYTES = 16 * 1024 * 1024

WAITING, LOADING, ANSWERING = "waiting", "loading", "answering"
DONE, STOPPED, FAILED = "done", "stopped", "failed"
ENDED = frozenset({DONE, STOPPED, FAILED})

_ANSWER_ID = re.compile(r"[0-9a-f]{1,64}\Z")


@dataclass(frozen=True)
class Answer:
    """An answer as far as it has come."""

    id: str
    state: str
    text: str
    tokens: int
    tokens_per_second: float | None
    reason: str

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True)
class Server:
    """The sandbox that server.json tells of.

    `state` is importing or ready while the process lives. The daemon leaves failed or stopped
    behind, with a reason for people; such a server answers nothing.
    """

    pid: int
    port: int
    token: str
    started_at: str
    state: str
    device: str
    reason: str = ""
    started_ticks: int | None = None

    @property
    def is_live(self) -> bool:
        if self.state in (FAILED, STOPPED):
            return False
        current = started_ticks(self.pid)
        return current is not None and self.started_ticks in (None, current)

    def ask(
        self,
        model: str,
        messages: Sequence[Message],
        *,
        max_new_tokens: int = DEFAULT_NEW_TOKENS,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int | None = None,
    ) -> str:
        """Put a question; the id of the answer, which grows from now on."""
        question = parse_question(
            {
                "model": model,
                "messages": messages,
                "max_new_tokens": max_new_tokens,
                "temperature": temperature,
                "top_p": top_p,
                "seed": seed,
            }
        )
        answer_id = self._call("POST", "/answers", question.record()).get("id")
        if not isinstance(answer_id, str):
            raise SandboxError("the sandbox gave no answer id; restart it")
        return answer_id

    def answer(self, answer_id: str) -> Answer:
        """The answer as far as it has come."""
        return _read_answer(self._call("GET", f"/answers/{_checked_id(answer_id)}"))

    def stop(self, answer_id: str) -> Answer:
        """Stop the answer; what was written so far stays."""
        return _read_answer(self._call("DELETE", f"/answers/{_checked_id(answer_id)}"))

    def _call(self, verb: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(verb, path, json.dumps(body) if body is not None else None, headers)
            reply = connection.getresponse()
            raw = reply.read(MAX_REPLY_BYTES)
        except TimeoutError as error:
            raise SandboxBusyError(
                f"the sandbox did not reply within {TIMEOUT_S:g} s; wait and try again"
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SandboxError(
                f"the sandbox cannot be reached ({error}); start it again"
            ) from error
        finally:
            connection.close()
        return _parse_reply(reply.status, raw)


def _checked_id(answer_id: str) -> str:
    if not _ANSWER_ID.match(answer_id):
        raise SandboxError(f"{answer_id!r:.80} is no answer id")
    return answer_id


def _parse_reply(status: int, raw: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise SandboxError(f"the sandbox sent no readable reply (HTTP {status})") from error
    if not isinstance(reply, dict):
        raise SandboxError(f"the sandbox sent no readable reply (HTTP {status})")
    if status >= 400:
        raise SandboxError(str(reply.get("reason") or f"the sandbox refused (HTTP {status})"))
    return reply


def _read_answer(reply: dict[str, Any]) -> Answer:
    try:
        return Answer(**{name: reply[name] for name in Answer.__dataclass_fields__})
    except KeyError as error:
        raise SandboxError(f"the sandbox left out {error} in its reply; restart it") from error


def want_sandbox(workspace: Workspace) -> None:
    """Ask the daemon for a sandbox; it starts one unless one runs."""
    paths = workspace.sandbox
    try:
        paths.folder.mkdir(parents=True, exist_ok=True)
        write_whole(paths.wanted, dump_yaml({"at": now_text()}))
    except OSError as error:
        raise SandboxError(f"cannot write {paths.wanted}: {error.strerror}") from error


def find_server(workspace: Workspace) -> Server | None:
    """The sandbox that runs, or why it failed or was stopped; None when there is none."""
    server = read_server(workspace.sandbox.server)
    if server is None:
        return None
    return server if server.is_live or server.state in (FAILED, STOPPED) else None


def read_server(path: Path) -> Server | None:
    """The server in the file, dead or alive; None when there is no readable one."""
    try:
        record = load_json(path)
    except (OSError, RecordError):
        return None
    known = {name: record[name] for name in Server.__dataclass_fields__ if name in record}
    try:
        server = Server(**known)
    except TypeError:
        return None
    numbers = isinstance(server.pid, int) and isinstance(server.port, int)
    return server if numbers and server.pid > 0 and isinstance(server.token, str) else None
