"""Fetching from the Hub: the loading code is the real one, on a folder instead of the Hub."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from core.dataset.arrival.arrival import Arrival, State, find_arrival
from core.dataset.arrival.arriving import create_hub
from core.errors import DatasetError
from core.paths import Workspace
from core.settings import Settings
from trainer import hub_reach, hub_rows
from trainer.arriving import Cancelled, Teller, work
from trainer.hub_reach import can_connect, check_online, hub_address
from trainer.hub_rows import Wanted, explain, load_rows

SETTINGS = Settings(min_free_disk_gib=0)
WANTED = Wanted("org/chats")
PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY")
CARD = """\
---
configs:
- config_name: english
  data_files:
  - {split: train, path: en.jsonl}
- config_name: german
  data_files:
  - {split: train, path: de.jsonl}
---
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "ws")
    workspace.queue.mkdir(parents=True)
    return workspace


@pytest.fixture
def arrival(workspace: Workspace) -> Arrival:
    return create_hub(workspace, SETTINGS, "org/chats")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder such as a dataset of the Hub is one; the cache is no other test's."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    for name in hub_rows.QUIET:
        monkeypatch.setenv(name, os.environ.get(name, ""))
    folder = tmp_path / "hub"
    folder.mkdir()
    return folder


def write_rows(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def fetch(workspace: Workspace, arrival: Arrival, rows: Any) -> None:
    hub_rows.write_rows(rows, workspace, SETTINGS, arrival.paths, Teller(arrival.paths))


def test_the_rows_of_a_split_arrive_as_they_are(
    workspace: Workspace, arrival: Arrival, hub: Path
) -> None:
    rows = [{"question": f"Größe {n}?", "answer": {"text": "x", "score": n}} for n in range(300)]
    write_rows(hub, "train.jsonl", rows)
    write_rows(hub, "test.jsonl", rows[:1])

    def do(paths: Any, teller: Teller) -> None:
        sha256 = hub_rows.write_rows(
            load_rows(str(hub), WANTED), workspace, SETTINGS, paths, teller
        )
        hub_rows.finish(paths, sha256)

    work(arrival.paths.folder, do)
    found = find_arrival(workspace, arrival.id)
    assert found and found.state is State.READY and len(found.sha256) == 64
    lines = found.path.read_text().splitlines()
    assert [json.loads(line) for line in lines] == rows
    assert found.progress and found.progress.stage == "fetching"


def test_a_fetch_can_be_cancelled(workspace: Workspace, arrival: Arrival, hub: Path) -> None:
    write_rows(hub, "train.jsonl", [{"text": "a"}] * 10)
    rows = load_rows(str(hub), WANTED)
    arrival.paths.cancel.touch()
    with pytest.raises(Cancelled):
        fetch(workspace, arrival, rows)


def test_a_dataset_without_rows_is_refused(workspace: Workspace, arrival: Arrival) -> None:
    class Rows(list[Any]):
        split = None

    with pytest.raises(DatasetError, match="no rows"):
        fetch(workspace, arrival, Rows())


def test_a_connection_that_breaks_off_is_a_sentence(workspace: Workspace, arrival: Arrival) -> None:
    class Rows:
        split = None

        def __iter__(self) -> Any:
            yield {"text": "a"}
            raise OSError("broken pipe")

    with pytest.raises(DatasetError, match="could not be read to their end: broken pipe"):
        fetch(workspace, arrival, Rows())


def test_splits_and_configs_are_listed_where_one_is_missing(hub: Path) -> None:
    for name in ("en.jsonl", "de.jsonl"):
        write_rows(hub, name, [{"text": name}])
    (hub / "README.md").write_text(CARD)
    assert next(iter(load_rows(str(hub), Wanted("org/x", "german"))))["text"] == "de.jsonl"
    with pytest.raises(DatasetError, match=r"needs the name of a config. It has: english, german"):
        load_rows(str(hub), Wanted("org/x"))
    with pytest.raises(DatasetError, match=r"no config `dutch`. It has: english, german"):
        load_rows(str(hub), Wanted("org/x", "dutch"))
    with pytest.raises(DatasetError, match=r"no split `test`. It has: train"):
        load_rows(str(hub), Wanted("org/x", "german", "test"))


def test_of_several_splits_one_must_be_named() -> None:
    with pytest.raises(DatasetError, match=r"needs the name of a split. It has: a, b"):
        hub_rows.choose_split({"a": 1, "b": 2}, WANTED)
    assert hub_rows.choose_split({"a": 1}, WANTED) == 1
    assert hub_rows.choose_split({"train": 1, "b": 2}, WANTED) == 1


def test_pictures_and_bytes_are_refused_by_their_column(hub: Path) -> None:
    import datasets

    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "turns": datasets.List({"photo": datasets.Image(), "n": datasets.Value("int64")}),
        }
    )
    assert hub_rows.find_unfit(features) == ("turns.photo", "images")
    assert hub_rows.find_unfit({"a": datasets.Value("binary")}) == ("a", "bytes")
    assert hub_rows.find_unfit({"a": [datasets.ClassLabel(names=["x"])]}) is None
    table = datasets.Dataset.from_dict({"text": ["a"], "raw": [b"\0"]})
    table.to_parquet(str(hub / "train.parquet"))
    with pytest.raises(DatasetError, match="column `raw` holds bytes"):
        load_rows(str(hub), WANTED)


def test_a_folder_that_happens_to_have_the_name_is_not_meant(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(hub, "train.jsonl", [{"text": "a"}])
    monkeypatch.chdir(hub.parent)
    with pytest.raises(DatasetError, match="connection"):
        load_rows("hf://datasets/hub", Wanted("hub"))


def test_offline_is_said_at_once(workspace: Workspace) -> None:
    with pytest.raises(DatasetError, match="hub: offline"):
        check_online(Settings(hub="offline"), {})
    with pytest.raises(DatasetError, match="HF_HUB_OFFLINE is set"):
        check_online(SETTINGS, {"HF_HUB_OFFLINE": "1"})


def test_without_a_network_it_says_so_within_seconds() -> None:
    assert hub_reach.REACH_S < 3
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        host, port = server.getsockname()
        # Its queue is full: whoever comes next is not even refused.
        with ExitStack() as callers:
            for _ in range(2):
                caller = callers.enter_context(socket.socket())
                caller.setblocking(False)
                caller.connect_ex((host, port))
            begun = time.monotonic()
            assert not can_connect(host, port, 0.2)
            assert time.monotonic() - begun < 1


def test_a_hub_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        _, port = server.getsockname()
    with pytest.raises(DatasetError, match=r"no connection to the Hugging Face Hub \(127"):
        check_online(SETTINGS, {"HF_ENDPOINT": f"http://127.0.0.1:{port}"})


def test_it_runs_as_the_daemon_starts_it(workspace: Workspace, arrival: Arrival) -> None:
    env = {**os.environ, **workspace.environment(), "HF_HUB_OFFLINE": "1"}
    module = ["-P", "-m", "trainer.hub_rows", f"--arrival={arrival.paths.folder}"]
    subprocess.run([sys.executable, *module], env=env, check=True, cwd=arrival.paths.folder)
    found = find_arrival(workspace, arrival.id)
    assert found and found.state is State.FAILED and found.outcome
    assert "HF_HUB_OFFLINE is set" in found.outcome.reason


def test_what_answers_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        assert can_connect(host, port, 2)
    assert not can_connect(host, port, 2)


def test_a_proxy_is_asked_instead_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    assert hub_address({}) == ("huggingface.co", 443)
    assert hub_address({"HF_ENDPOINT": "http://mirror:8080"}) == ("mirror", 8080)
    monkeypatch.setenv("https_proxy", "proxy:3128")
    assert hub_address({}) == ("proxy", 3128)
    monkeypatch.setenv("no_proxy", "huggingface.co")
    assert hub_address({}) == ("huggingface.co", 443)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("Dataset 'org/chats' is a gated dataset on the Hub.", "HF_TOKEN"),
        ("Dataset 'org/chats' doesn't exist on the Hub or cannot be accessed.", "knows no dataset"),
        ("Dataset scripts are no longer supported, but found x.py", "its own Python code"),
        ("Couldn't reach 'org/chats' on the Hub (Timeout)", "connection"),
        ("nonsense\nof many lines", "cannot be loaded: nonsense of many lines"),
    ],
)
def test_the_hubs_refusals_become_sentences(words: str, told: str) -> None:
    from datasets.exceptions import DatasetNotFoundError

    kind = DatasetNotFoundError if "on the Hub." in words or "exist" in words else RuntimeError
    sentence = explain(kind(words), WANTED)
    assert told in sentence and "org/chats" in sentence


def test_a_dishonest_request_fetches_nothing(workspace: Workspace, arrival: Arrival) -> None:
    for text in ("id: [", "id: ../../etc", "id: json", "id: org/x\nsplit: 'train[:5]'"):
        arrival.paths.fetch_request.write_text(text)
        with pytest.raises(DatasetError):
            hub_rows.fetch(workspace, arrival.paths, Teller(arrival.paths))


def test_numbers_and_letters_that_json_has_no_word_for_are_kept() -> None:
    assert hub_rows.to_line({"n": 2**70}) == b'{"n": 1180591620717411303424}\n'
    assert hub_rows.to_line({"n": float("nan")}) == b'{"n":null}\n'
    assert hub_rows.to_line({"n": "\ud83d"}) == b'{"n": "?"}\n'
