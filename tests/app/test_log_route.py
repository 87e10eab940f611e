"""The log as the browser asks for it, and as others try to."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.monitor import log_file
from core.paths import WORKSPACE_VARIABLE, RunPaths, Workspace
from streamlit_app.routes import log, together
from streamlit_app.routes.log import FOLDER, MAX_LOGS, MarksShelf

RUN_ID = "20261128-225037-poems"
HEADER = "=== attempt {}, 2026-11-28T22:50:37.887Z\n"
TOKEN = "hf_abcdefghijABCDEFGHIJ12"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path))
    run = Workspace(tmp_path).run(RUN_ID)
    run.folder.mkdir(parents=True)
    return run


@pytest.fixture
def client(run: RunPaths) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=[*log.ROUTES, *together.ROUTES])) as client:
        yield client


def ask(client: TestClient, what: str, **params: Any) -> dict[str, Any]:
    if "start" in params:
        params["from"] = params.pop("start")
    answer = client.get(f"{FOLDER.format(run_id=RUN_ID)}/{what}", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


def texts(answer: dict[str, Any]) -> list[str]:
    return [text for _, text, _ in answer["lines"]]


def test_lines_come_from_the_end_a_place_or_the_beginning(
    client: TestClient, run: RunPaths
) -> None:
    run.log.write_text("one\ntwo\n[ERROR] three\nfou")
    end = ask(client, "lines")
    assert [level for _, _, level in end["lines"]] == ["", "", "error", ""]
    assert (end["start"], end["end"], end["open"], end["size"]) == (0, 25, 22, 25)
    assert texts(ask(client, "lines", before=8)) == ["one", "two"]
    assert texts(ask(client, "lines", after=4, ceiling=22)) == ["two", "[ERROR] three"]
    assert texts(ask(client, "lines", around=5, floor=4)) == ["two", "[ERROR] three", "fou"]


def test_news_are_what_was_added(client: TestClient, run: RunPaths) -> None:
    run.log.write_text("one\nhal")
    assert ask(client, "news", start=4, seen=7).keys() == {"size", "generation"}
    with run.log.open("a") as file:
        file.write("f\nthree\n")
    news = ask(client, "news", start=4, seen=7)
    assert texts(news) == ["half", "three"]
    assert news["attempts"] == [[0, 0, None]]
    assert ask(client, "news", start=7, seen=7, count=1)["count"] == 2


def test_news_of_many_lines_are_only_told_to_be_many(client: TestClient, run: RunPaths) -> None:
    run.log.write_text("a line\n" * 100_000)
    news = ask(client, "news", start=0, seen=0)
    assert news["many"]
    assert "lines" not in news


def test_a_log_that_began_anew_is_told(client: TestClient, run: RunPaths) -> None:
    run.log.write_text("one\ntwo\n")
    generation = ask(client, "lines")["generation"]
    run.log.write_text("another\n")
    for what in ("lines", "news", "search", "marks"):
        assert ask(client, what, generation=generation)["anew"]
    assert ask(client, "news", start=0, seen=99)["anew"]


def test_a_search_tells_where_the_text_is(client: TestClient, run: RunPaths) -> None:
    run.log.write_text(f"one\nTWO {TOKEN}\nWARNING: three\n")
    found = ask(client, "search", text="two")
    assert (found["hits"], found["done"], found["next"]) == ([4], True, found["size"])
    assert ask(client, "search", text="abcdef")["hits"] == []
    assert ask(client, "search", text="o", start=4)["hits"] == [4]
    assert ask(client, "search", text="o", ceiling=4)["hits"] == [0]
    assert ask(client, "search", troubles=1)["hits"] == [34]
    assert ask(client, "search")["hits"] == []


def test_marks_tell_attempts_and_their_first_errors(client: TestClient, run: RunPaths) -> None:
    first = HEADER.format(1) + "fine\n"
    run.log.write_text(first + "Error: x\n" + HEADER.format(2))
    marks = ask(client, "marks")
    assert marks["attempts"] == [[1, 0, len(first)], [2, len(first) + 9, None]]
    assert marks["all"]


def test_a_run_without_a_log_has_an_empty_one(client: TestClient, run: RunPaths) -> None:
    answer = ask(client, "lines")
    assert (answer["size"], answer["lines"]) == (0, [])
    assert ask(client, "marks")["all"]
    assert client.get(f"{FOLDER.format(run_id=RUN_ID)}/whole").content == b""


def test_any_bytes_and_any_numbers_are_answered(client: TestClient, run: RunPaths) -> None:
    run.log.write_bytes(bytes(range(256)) * 1000)
    for number in ("0", "-1", "1.5", "x", "", "9" * 15, "9" * 400, "\u0661"):
        for what in ("lines", "news", "search", "marks"):
            for name in ("before", "after", "around", "from", "floor", "ceiling", "seen"):
                ask(client, what, text="a", **{name: number})


@pytest.mark.parametrize(
    "address",
    [
        "/api/runs/20261128-225037-other/log/lines",
        "/api/runs/..%2f..%2fetc/log/lines",
        "/api/runs/../log/lines",
        f"/api/runs/{RUN_ID}%00/log/lines",
        f"/api/runs/{RUN_ID}/log/status.json",
        "/api/runs/20261128-225037-other/log/whole",
        "/api/runs/20261128-225037-link/log/whole",
    ],
)
def test_only_the_log_of_a_run_is_given(client: TestClient, run: RunPaths, address: str) -> None:
    run.log.write_text("a line\n")
    run.folder.with_name("20261128-225037-link").symlink_to(run.folder)
    assert client.get(address).status_code == 404


def test_a_log_that_is_a_link_is_not_followed(client: TestClient, run: RunPaths) -> None:
    run.log.symlink_to("/etc/passwd")
    assert ask(client, "lines")["size"] == 0
    assert client.get(f"{FOLDER.format(run_id=RUN_ID)}/whole").content == b""


def test_the_whole_comes_as_a_file_without_tokens(client: TestClient, run: RunPaths) -> None:
    run.log.write_text(f"begin\r\n\x1b[1m{TOKEN}\n" * 100_000)
    answer = client.get(f"{FOLDER.format(run_id=RUN_ID)}/whole")
    assert answer.headers["content-disposition"] == f'attachment; filename="{RUN_ID}.log"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert int(answer.headers["content-length"]) == run.log.stat().st_size
    assert answer.content == run.log.read_bytes().replace(TOKEN[3:].encode(), b"*" * 22)


def test_a_look_costs_the_same_however_large_the_log_is(
    client: TestClient, run: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = [cost_of_looks(client, run, size, monkeypatch) for size in (10**6, 5 * 10**8)]
    assert max(costs) < 600_000
    assert abs(costs[0] - costs[1]) < 100_000


def cost_of_looks(
    client: TestClient, run: RunPaths, size: int, monkeypatch: pytest.MonkeyPatch
) -> int:
    """How many bytes are read to open a log of this size, to jump in it, and to see nothing new."""
    lines = b"a line of the log\n" * 10_000
    with run.log.open("wb") as file:
        file.write(lines)
        file.seek(size // 2)
        file.write(lines)
        file.truncate(size)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + lines)
    read, pread = [], os.pread

    def counted(descriptor: int, length: int, offset: int) -> bytes:
        read.append(length)
        return pread(descriptor, length, offset)

    with monkeypatch.context() as patch:
        patch.setattr(log_file.os, "pread", counted)
        end = ask(client, "lines")
        assert len(texts(end)) == len(texts(ask(client, "lines", after=0))) == 400
        ask(client, "lines", around=size // 2 + len(lines) // 2)
        ask(client, "news", start=end["end"], seen=end["size"])
    return sum(read)


def test_the_marks_of_no_more_than_some_logs_are_kept(run: RunPaths) -> None:
    shelf = MarksShelf()
    for number in range(MAX_LOGS + 10):
        shelf.look(RunPaths(run.folder.with_name(str(number))))
    assert len(shelf._marks) == MAX_LOGS
