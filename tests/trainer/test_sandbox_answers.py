"""The line of questions, with a writer that needs no model."""

import sys
import threading

import pytest

from core.errors import SandboxError
from core.sandbox.question import parse_question
from tests.waiting import wait_until
from trainer.sandbox.answers import MAX_KEPT, MAX_WAITING, Answers
from trainer.sandbox.source import Source

QUESTION = parse_question({"model": "r", "messages": [{"role": "user", "content": "x"}]})
SOURCE = Source("r", "base", "base")


class FakeWriter:
    """Writes when the test lets it."""

    def __init__(self):
        self.go = threading.Event()
        self.go.set()
        self.error = None
        self.freed_while = "never"

    def write(self, answer):
        assert self.go.wait(10)
        if self.error:
            raise self.error
        if not answer.stop_wanted:
            answer.begin()
            answer.grow("text", 2)

    def explain(self, error):
        return f"sorry: {error}"

    def free_memory(self):
        self.freed_while = sys.exc_info()[1]

    def warm_up(self):
        pass


@pytest.fixture
def writer():
    return FakeWriter()


@pytest.fixture
def answers(writer):
    answers = Answers(lambda: writer)
    answers.thread.start()
    yield answers
    writer.go.set()
    answers.close(10)
    assert not answers.thread.is_alive()


def test_the_oldest_answers_are_forgotten_and_the_newest_kept(answers):
    made = []
    for _ in range(MAX_KEPT + 5):
        made.append(answers.add(QUESTION, SOURCE))
        wait_until(lambda: made[-1].state == "done")
    assert answers.find(made[0].id) is None
    assert [answers.find(a.id) for a in made[-MAX_KEPT:]] == made[-MAX_KEPT:]


def test_no_more_questions_are_taken_than_can_wait(answers, writer):
    writer.go.clear()
    first = answers.add(QUESTION, SOURCE)
    wait_until(lambda: first.state == "loading")
    for _ in range(MAX_WAITING):
        answers.add(QUESTION, SOURCE)
    with pytest.raises(SandboxError, match="wait already"):
        answers.add(QUESTION, SOURCE)


def test_one_stopped_while_its_model_loads_is_never_written(answers, writer):
    writer.go.clear()
    answer = answers.add(QUESTION, SOURCE)
    wait_until(lambda: answer.state == "loading")
    answers.stop(answer)
    writer.go.set()
    wait_until(lambda: answer.state == "stopped")
    assert answer.text == ""


def test_a_failure_is_told_and_the_next_question_answered(answers, writer):
    writer.error = RuntimeError("no luck")
    first = answers.add(QUESTION, SOURCE)
    wait_until(lambda: first.state == "failed")
    writer.error = None
    second = answers.add(QUESTION, SOURCE)
    wait_until(lambda: second.state == "done")
    assert first.record()["reason"] == "sorry: no luck"


def test_memory_is_given_back_once_the_error_that_holds_on_to_it_is_gone(answers, writer):
    writer.error = RuntimeError("out of memory")
    answer = answers.add(QUESTION, SOURCE)
    wait_until(lambda: answer.state == "failed")
    assert writer.freed_while is None


def test_work_is_not_idleness(answers, writer):
    writer.go.clear()
    answer = answers.add(QUESTION, SOURCE)
    answers.used_at -= 60
    assert answers.idle_s() < 0.01
    writer.go.set()
    wait_until(lambda: answer.state == "done")
    wait_until(lambda: answers.idle_s() > 0.01)


def test_a_worker_that_cannot_begin_is_told_of():
    def fail():
        raise SandboxError("no GPU can be used here")

    answers = Answers(fail)
    answers.thread.start()
    answers.thread.join(10)
    assert answers.crashed and not answers.is_ready


def test_memory_that_is_too_small_is_a_sentence():
    import torch

    from trainer.sandbox.writer import explain

    reason = explain(torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "cuda")
    assert "too little free memory" in reason and "shorten the chat" in reason
