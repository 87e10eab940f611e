"""Several questions of a page in one request: each is answered as if it had been asked alone."""

import json

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.run.phase import Phase
from streamlit_app.routes import card, curves, log, news, now, overview, together
from tests.app.furnished import Furnished

GONE = "20260101-000000-none"


@pytest.fixture
def client(place: Furnished) -> TestClient:
    return TestClient(Starlette(routes=together.ROUTES))


def ask(client: TestClient, *addresses: str) -> list[dict]:
    answer = client.get(together.PATH, params={"ask": addresses})
    assert answer.status_code == 200
    return json.loads(answer.content)


def test_each_is_answered_as_if_it_had_been_asked_alone(
    place: Furnished, client: TestClient
) -> None:
    paths = place.add_run("poems", Phase.RUNNING)
    place.metrics(paths, 2.5, 0.8)
    paths.log.write_text("one\ntwo\n")
    addresses = [
        now.PATH.format(run_id=paths.run_id),
        card.PATH.format(run_id=paths.run_id),
        curves.PATH.format(run_id=paths.run_id) + "?axis=step&smoothing=0.5",
        log.PATH.format(run_id=paths.run_id, what="news") + "?from=0&seen=4",
        news.PATH,
        overview.PATH,
    ]
    together_told = ask(client, *addresses)
    alone = [client.get(address) for address in addresses]
    assert [one["status"] for one in together_told] == [200] * 6
    assert [one["body"] for one in together_told] == [one.json() for one in alone]


def test_one_that_cannot_be_answered_is_no_matter_of_the_others(
    place: Furnished, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*asked: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(curves, "find_answer", fail)
    paths = place.add_run("poems", Phase.RUNNING)
    told = ask(
        client,
        curves.PATH.format(run_id=paths.run_id),
        now.PATH.format(run_id=GONE),
        log.PATH.format(run_id="..%2F..%2Fetc", what="lines"),
        "/api/together?ask=/api/together",
        "https://example.com/api/news",
        news.PATH,
    )
    assert [one["status"] for one in told] == [500, 404, 404, 404, 404, 200]
    assert "no such run" in told[1]["body"]["reason"]


def test_no_more_than_a_few_go_together(client: TestClient) -> None:
    answer = client.get(together.PATH, params={"ask": [news.PATH] * (together.MAX_ASKED + 1)})
    assert answer.status_code == 400
    assert ask(client) == []


def test_the_word_of_the_news_changes_with_the_daemon_and_with_what_runs_became(
    place: Furnished, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamlit_app.run_news.LOOK_EVERY_S", 0.0)
    words = [client.get(news.PATH).json()]
    run = place.add_run("poems", Phase.RUNNING)
    words.append(client.get(news.PATH).json())
    assert words[0] == words[1]
    place.beat()
    words.append(client.get(news.PATH).json())
    place.change(run, phase=Phase.FAILED)
    words.append(client.get(news.PATH).json())
    assert len(set(words)) == 3
