"""A question on its way through the sandbox, moved on by looking at it.

Nothing waits here: a page calls `advance` as often as it redraws, and shows what it gets.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.clock import now
from core.errors import SandboxBusyError, SandboxError
from core.heartbeat import find_daemon
from core.paths import Workspace
from core.sandbox.client import (
    ANSWERING,
    ENDED,
    FAILED,
    LOADING,
    STOPPED,
    Server,
    find_server,
    want_sandbox,
)
from core.sandbox.question import DEFAULT_NEW_TOKENS, Message

STARTING = "starting"

NOTES = {
    STARTING: "Starting the sandbox (about 5 s)…",
    LOADING: "Loading the model…",
    ANSWERING: "Thinking…",
}
ASKING_NOTE = "Asking the model…"
WAITING_NOTE = "Waiting for its turn…"
NO_DAEMON_NOTE = "Waiting for the daemon, which starts the sandbox. It is not running."

LOST = "the sandbox ended before the answer was complete; ask again"


@dataclass(frozen=True)
class Sampling:
    """How the model is asked, and how it chooses its words."""

    remembers: bool = True
    max_new_tokens: int = DEFAULT_NEW_TOKENS
    temperature: float = 0.0
    top_p: float = 1.0


@dataclass(frozen=True)
class Shown:
    """What there is to see of an answer."""

    text: str = ""
    note: str = ""
    state: str = STARTING
    reason: str = ""
    tokens_per_second: float | None = None

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED


@dataclass
class Asking:
    """One question to one model. Kept in the session; the truth is in the sandbox."""

    model: str
    messages: Sequence[Message]
    sampling: Sampling = field(default_factory=Sampling)
    shown: Shown = field(default_factory=Shown)
    answer_id: str = ""
    asked_pid: int = 0
    is_wanted: bool = False
    asked_at: datetime = field(default_factory=now)

    def advance(self, workspace: Workspace) -> Shown:
        """Do the next thing, if there is one, and tell what there is to see."""
        if not self.shown.is_ended:
            try:
                self.shown = self._advance(workspace)
            except SandboxError as error:
                self.shown = Shown(self.shown.text, state=FAILED, reason=str(error))
        return self.shown

    def stop(self, workspace: Workspace) -> None:
        """Stop the answer; what was written so far stays."""
        server = find_live_server(workspace)
        text = self.shown.text
        if server is not None and self.answer_id:
            # When it is gone, the answer is as well: that is stopped, too.
            with contextlib.suppress(SandboxError):
                text = server.stop(self.answer_id).text
        self.shown = Shown(text, state=STOPPED)

    def _advance(self, workspace: Workspace) -> Shown:
        server = find_live_server(workspace)
        if self.answer_id:
            return self._look(server, workspace)
        if server is None:
            return self._wish(workspace)
        self.answer_id = server.ask(
            self.model,
            self.messages,
            max_new_tokens=self.sampling.max_new_tokens,
            temperature=self.sampling.temperature,
            top_p=self.sampling.top_p,
        )
        self.asked_pid = server.pid
        return Shown(note=NOTES[STARTING] if server.state == "importing" else ASKING_NOTE)

    def _look(self, server: Server | None, workspace: Workspace) -> Shown:
        if server is None or server.pid != self.asked_pid:
            raise SandboxError(find_failure(workspace, self.asked_at) or LOST)
        try:
            answer = server.answer(self.answer_id)
        except SandboxBusyError:
            return self.shown
        is_importing = server.state == "importing"
        note = NOTES[STARTING] if is_importing else NOTES.get(answer.state, WAITING_NOTE)
        return Shown(
            text=answer.text,
            note="" if answer.text else note,
            state=answer.state,
            reason=answer.reason,
            tokens_per_second=answer.tokens_per_second,
        )

    def _wish(self, workspace: Workspace) -> Shown:
        """Want a sandbox and wait for it; raises SandboxError when it could not start."""
        if self.is_wanted and (reason := find_failure(workspace, self.asked_at)):
            raise SandboxError(reason)
        # One that was just ending may have taken the wish with it.
        if not self.is_wanted or not workspace.sandbox.wanted.exists():
            want_sandbox(workspace)
            self.is_wanted = True
        return Shown(note=NOTES[STARTING] if find_daemon(workspace.heartbeat) else NO_DAEMON_NOTE)


def find_live_server(workspace: Workspace) -> Server | None:
    """The sandbox that can be asked, if there is one."""
    server = find_server(workspace)
    return server if server is not None and server.is_live else None


def find_failure(workspace: Workspace, since: datetime) -> str:
    """Why the sandbox failed or was stopped since then; empty when it was not."""
    server = find_server(workspace)
    if server is None or server.is_live:
        return ""
    try:
        told_at = workspace.sandbox.server.stat().st_mtime
    except FileNotFoundError:
        return ""
    # What ended an earlier sandbox says nothing about this question.
    return server.reason if told_at >= since.timestamp() else ""
