"""What is told of a run, to which address, and what is never shown of either."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import TrainerUIError
from core.files import save_json
from core.notice.address import HIDDEN, key_of, masked, problem_with, scrub
from core.notice.news import find_news, kinds_of
from core.notice.request import (
    NAME,
    Answer,
    Request,
    answer_path,
    answer_record,
    ask,
    ask_news,
    ask_test,
    find_answer,
    read_answer,
    read_request,
    request_path,
)
from core.paths import Workspace
from core.run.failure import Failure, FailureKind
from core.run.phase import Phase
from core.run.status import Progress, RunStatus

AT = datetime(2026, 11, 29, 3, 24, 44, 123000, tzinfo=UTC)
RUN = RunStatus("20261129-032444-poems", "poems", AT, AT, reason="trained 5 steps")


def status(phase: Phase, **changes: object) -> RunStatus:
    return replace(RUN, phase=phase, **changes)


@pytest.mark.parametrize("phase", sorted({*Phase} - {"completed", "failed", "cancelled"}))
def test_what_goes_on_by_itself_is_no_news(phase: Phase) -> None:
    assert kinds_of(status(phase), AT + timedelta(days=9)) == ()
    assert kinds_of(status(phase, held_by="hours"), AT + timedelta(days=9)) == ()


def test_a_full_disk_is_told_at_once_and_heat_only_when_it_lasts() -> None:
    assert kinds_of(status(Phase.PAUSED, held_by="disk"), AT) == ("needs_help",)
    hot = status(Phase.PAUSED, held_by="temperature")
    assert kinds_of(hot, AT + timedelta(seconds=599)) == ()
    assert kinds_of(hot, AT + timedelta(seconds=600)) == ("needs_help",)


def test_out_of_retries_is_a_failure_and_a_call_for_help() -> None:
    killed = status(Phase.FAILED, failure=Failure(FailureKind.KILLED, "It was killed."))
    assert kinds_of(killed, AT) == ("needs_help", "failed")
    assert kinds_of(status(Phase.FAILED, failure=Failure(FailureKind.CONFIG, "x")), AT) == (
        "failed",
    )


def test_news_tell_name_end_loss_and_time() -> None:
    done = status(
        Phase.COMPLETED,
        progress=Progress(step=800, total_steps=1000),
        started_at=AT,
        trained_s=3725.0,
    )
    news = find_news(done, AT, 0.12345)
    assert news is not None
    assert news.title == "poems completed"
    assert news.body == ("Trained 5 steps\nStep 800 of 1,000, loss 0.1235, trained for 1 h 02 min")
    assert find_news(done, AT + timedelta(days=1), None).news_id == news.news_id
    assert NAME.fullmatch(f"{news.news_id}.{key_of('ntfy://x')}")


@given(st.text(max_size=300), st.text(max_size=3000))
def test_no_name_and_no_reason_makes_more_than_a_few_plain_lines(name: str, reason: str) -> None:
    news = find_news(status(Phase.FAILED, name=name, reason=reason), AT)
    assert news is not None
    assert news.title.isprintable() and len(news.title) < 130
    assert len(news.body) < 700 and len(news.body.splitlines()) <= 2


def test_tokens_in_a_reason_are_masked() -> None:
    reason = "no access with hf_abcdefghijklmnopqrstuvwxyz"
    news = find_news(status(Phase.FAILED, reason=reason), AT)
    assert news is not None and "abcdef" not in news.body


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("json://127.0.0.1:8080/secret/path", "json://127.0.0.1:8080"),
        ("mailto://me:password@example.com?to=x@y.z", "mailto://example.com"),
        ("JSONS://user:p%40ss@Host", "jsons://…"),
        ("ntfy://my-secret-topic", "ntfy://…"),
        ("ntfys://user:pw@ntfy.example.org/topic", "ntfys://ntfy.example.org"),
        ("tgram://123456789:AAabcdefgh/12345", "tgram://…"),
        ("tgram://looks.like.host/12345", "tgram://…"),
        ("json://user:pw@[::1]:80/x", "json://[::1]:80"),
        ("no address at all", "…"),
        ("", "…"),
    ],
)
def test_an_address_is_shown_by_scheme_and_host(address: str, shown: str) -> None:
    assert masked(address) == shown


@given(st.text("abcXYZ019:/@?&=#%.-[]", max_size=60))
def test_whatever_is_typed_no_user_and_no_path_is_shown(rest: str) -> None:
    shown = masked(f"json://user:hunter2@{rest}")
    assert "hunter2" not in shown and shown.count("/") == 2 and "?" not in shown


def test_nothing_of_an_address_stays_in_what_a_library_said() -> None:
    address = "json://user:p%40ssword@127.0.0.1:99/token-abc?key=hush"
    said = f"cannot load {address}: p@ssword of user at 127.0.0.1 for /token-abc, hush"
    told = scrub(said, address)
    assert not {"user", "p@ssword", "p%40ssword", "token-abc", "hush"} & set(told.split())
    for secret in ("p@ssword", "p%40ssword", "token-abc", "hush"):
        assert secret not in told
    assert "127.0.0.1" in told and HIDDEN in told


@pytest.mark.parametrize("text", ["ntfy://topic", "mailto://a:b@c.de?to=x", "tgram://1:a/2"])
def test_an_address_may_be_tried(text: str) -> None:
    assert problem_with(text) == ""


@pytest.mark.parametrize(
    "text", ["", "ntfy", "ntfy://", "a b://c", "x://y z", "x" * 3000, "a://\0"]
)
def test_what_is_no_address_is_told(text: str) -> None:
    assert problem_with(text)


@given(st.text(max_size=50))
def test_a_key_is_letters_and_never_a_number(address: str) -> None:
    assert key_of(address).isalpha() and len(key_of(address)) == 8


def test_news_are_asked_for_once_for_each_address(tmp_path) -> None:
    workspace = Workspace(tmp_path)
    news = find_news(status(Phase.COMPLETED), AT)
    assert news is not None
    ask_news(workspace, news, ["ntfy://one"])
    [first] = workspace.notices.iterdir()
    before = first.stat()
    ask_news(workspace, news, ["ntfy://one", "ntfy://two"])
    assert len(list(workspace.notices.iterdir())) == 2
    assert first.stat().st_ino == before.st_ino
    # Answered and gone from the queue, it is not asked for again either.
    save_json(first.with_suffix(".json"), {})
    first.unlink()
    ask_news(workspace, news, ["ntfy://one"])
    assert not first.exists()
    assert "ntfy" not in "".join(p.read_text() for p in workspace.notices.iterdir())


def test_a_request_and_its_answer_read_as_they_were_written(tmp_path) -> None:
    workspace = Workspace(tmp_path)
    [name] = ask_test(workspace, ["ntfy://topic"])
    request = read_request(request_path(workspace, name))
    assert (request.kind, request.to) == ("test", key_of("ntfy://topic"))
    answer = Answer(False, "ntfy://…", "no luck", "A test", AT)
    save_json(answer_path(workspace, name), answer_record(answer))
    assert find_answer(workspace, name) is None
    request_path(workspace, name).unlink()
    assert find_answer(workspace, name) == answer


@pytest.mark.parametrize(
    "text", ["", "[", "kind: 1\n", "kind: a\nto: other\ntitle: t\nbody: b\n", "x" * 20_000]
)
def test_what_is_no_honest_request_is_refused(tmp_path, text: str) -> None:
    path = tmp_path / f"test-1.{key_of('ntfy://topic')}.yaml"
    path.write_text(text)
    with pytest.raises(TrainerUIError):
        read_request(path)


def test_a_request_is_cut_to_plain_lines(tmp_path) -> None:
    workspace, key = Workspace(tmp_path), key_of("ntfy://topic")
    name = f"x.{key}"
    ask(workspace, name, Request("failed", key, "a\x1b[31m\nb" * 99, "\x00line\n" * 99))
    request = read_request(request_path(workspace, name))
    assert request.title.isprintable() and len(request.title) <= 200
    assert len(request.body.splitlines()) == 20


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"is_sent": true}', '{"is_sent": 1, "at": 3}'])
def test_what_is_no_answer_is_none(tmp_path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    assert read_answer(tmp_path / "a.json") is None
