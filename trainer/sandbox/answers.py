"""The answers asked for, and the one thread that works on them, one after the other."""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from core.errors import SandboxError
from core.sandbox.client import ANSWERING, DONE, ENDED, FAILED, LOADING, STOPPED, WAITING
from core.sandbox.question import Question
from trainer.sandbox.source import Source

MAX_KEPT = 50
MAX_WAITING = 20

log = logging.getLogger(__name__)


@dataclass
class Answer:
    """An answer in the making. Only the worker writes it, but `stop_wanted`."""

    id: str
    question: Question
    source: Source
    state: str = WAITING
    text: str = ""
    tokens: int = 0
    first_at: float | None = None
    latest_at: float | None = None
    reason: str = ""
    stop_wanted: bool = False
    is_complete: bool = False

    def record(self) -> dict[str, Any]:
        """The answer as it goes over the wire."""
        return {
            "id": self.id,
            "state": self.state,
            "text": self.text,
            "tokens": self.tokens,
            "tokens_per_second": self._tokens_per_second(),
            "reason": self.reason,
        }

    def _tokens_per_second(self) -> float | None:
        elapsed = seconds_between(self.first_at, self.latest_at)
        return round((self.tokens - 1) / elapsed, 2) if elapsed and self.tokens > 1 else None

    def begin(self) -> None:
        """The model is loaded; now it writes."""
        self.state = ANSWERING

    def grow(self, text: str, tokens: int) -> None:
        """The answer so far."""
        self.latest_at = time.monotonic()
        self.first_at = self.first_at or self.latest_at
        self.text, self.tokens = text, tokens


def seconds_between(start: float | None, end: float | None) -> float | None:
    """The seconds from start to end; None while one of them is not known."""
    return None if start is None or end is None else round(end - start, 4)


class Writer(Protocol):
    """Loads models and writes answers; the part that needs torch."""

    def write(self, answer: Answer) -> None: ...

    def explain(self, error: Exception) -> str: ...

    def free_memory(self) -> None: ...

    def warm_up(self) -> None: ...


class Answers:
    """The answers of this process, newest last, and the worker that writes them."""

    def __init__(self, open_writer: Callable[[], Writer]) -> None:
        self.crashed = False
        self.stopping = False
        self.is_ready = False
        self.used_at = time.monotonic()
        self._open_writer = open_writer
        self._answers: dict[str, Answer] = {}
        self._change = threading.Condition()
        self.thread = threading.Thread(target=self._work, name="worker", daemon=True)

    def add(self, question: Question, source: Source) -> Answer:
        """Put the question in line; SandboxError when too many wait."""
        with self._change:
            self.used_at = time.monotonic()
            waiting = sum(answer.state == WAITING for answer in self._answers.values())
            if waiting >= MAX_WAITING:
                raise SandboxError(f"{waiting} questions wait already; wait for an answer")
            answer = Answer(secrets.token_hex(8), question, source)
            self._answers[answer.id] = answer
            self._forget()
            self._change.notify_all()
            return answer

    def _forget(self) -> None:
        ended = [key for key, answer in self._answers.items() if answer.state in ENDED]
        for key in ended[: max(0, len(self._answers) - MAX_KEPT)]:
            del self._answers[key]

    def find(self, answer_id: str) -> Answer | None:
        """The answer, unless it is unknown or forgotten."""
        self.used_at = time.monotonic()
        return self._answers.get(answer_id)

    def stop(self, answer: Answer) -> None:
        """End the answer as soon as can be; what is written stays."""
        with self._change:
            answer.stop_wanted = True
            if answer.state == WAITING:
                answer.state = STOPPED

    def idle_s(self) -> float:
        """The seconds since anyone asked or read an answer; 0 while there is work."""
        busy = any(answer.state not in ENDED for answer in list(self._answers.values()))
        if busy or not self.is_ready:
            self.used_at = time.monotonic()
        return time.monotonic() - self.used_at

    def close(self, timeout_s: float) -> None:
        """Stop every answer and the worker; waits no longer than the timeout."""
        with self._change:
            self.stopping = True
            for answer in self._answers.values():
                answer.stop_wanted = True
            self._change.notify_all()
        self.thread.join(timeout_s)

    def _work(self) -> None:
        try:
            writer = self._open_writer()
            self.is_ready = True
            if self._next() is None:
                writer.warm_up()
            while (answer := self._wait()) is not None:
                self._answer(writer, answer)
        except SandboxError as error:
            log.error("%s", error)
            self.crashed = True
        except Exception:
            log.exception("the worker ended")
            self.crashed = True

    def _next(self) -> Answer | None:
        answers = list(self._answers.values())
        return next((answer for answer in answers if answer.state == WAITING), None)

    def _wait(self) -> Answer | None:
        with self._change:
            while not self.stopping:
                if answer := self._next():
                    answer.state = LOADING
                    return answer
                self._change.wait()
        return None

    def _answer(self, writer: Writer, answer: Answer) -> None:
        try:
            writer.write(answer)
            state = STOPPED if answer.stop_wanted else DONE
        except Exception as error:
            log.exception("%s could not answer", answer.source.name)
            answer.reason = writer.explain(error)
            state = FAILED
        if state == FAILED:
            writer.free_memory()
        self.used_at = time.monotonic()
        answer.state = state
