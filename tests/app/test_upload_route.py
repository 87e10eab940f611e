"""Uploads as the browser sends them, and as others try to."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.dataset.arrival.arrival import State, find_arrival, list_arrivals
from core.paths import WORKSPACE_VARIABLE, Workspace
from streamlit_app.intake import Intake
from streamlit_app.upload_route import PATH, ROUTES, TICKET, TICKET_HEADER

APP = Starlette(routes=ROUTES)
OURS = {TICKET_HEADER: TICKET, "Origin": "http://testserver"}
MIB = 1024 * 1024


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path))
    workspace = Workspace(tmp_path)
    workspace.configs.mkdir()
    workspace.settings.write_text("min_free_disk_gib: 0\n")
    return workspace


@pytest.fixture
def client(workspace: Workspace) -> Iterator[TestClient]:
    with TestClient(APP, headers=OURS) as client:
        yield client


def begin(client: TestClient, size: int, name: str = "chats.jsonl") -> str:
    answer = client.post(PATH, json={"name": name, "bytes": size})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def test_slices_become_the_file(client: TestClient, workspace: Workspace) -> None:
    content = os.urandom(3 * MIB + 17)
    upload = begin(client, len(content))
    offset = 0
    while offset < len(content):
        answer = client.put(f"{PATH}/{upload}?offset={offset}", content=content[offset:][:MIB])
        assert answer.json()["offset"] == min(offset + MIB, len(content))
        offset = answer.json()["offset"]
    assert answer.json()["done"]
    arrival = find_arrival(workspace, upload)
    assert arrival and arrival.state is State.READY
    assert arrival.path.read_bytes() == content
    assert arrival.sha256 == hashlib.sha256(content).hexdigest()
    assert client.get(f"{PATH}/{upload}").json()["done"]
    # A reply that was lost: the slice is sent again, and nothing is spoilt.
    assert client.put(f"{PATH}/{upload}?offset=0", content=b"x").json()["done"]
    assert arrival.path.read_bytes() == content


def test_a_lost_slice_is_sent_again_from_where_it_broke_off(
    client: TestClient, workspace: Workspace
) -> None:
    upload = begin(client, 10)
    client.put(f"{PATH}/{upload}?offset=0", content=b"01234")
    refused = client.put(f"{PATH}/{upload}?offset=0", content=b"01234")
    assert (refused.status_code, refused.json()["offset"]) == (409, 5)
    assert client.put(f"{PATH}/{upload}?offset=7", content=b"789").status_code == 409
    assert client.get(f"{PATH}/{upload}").json() == {
        "id": upload,
        "offset": 5,
        "total": 10,
        "done": False,
    }
    assert client.put(f"{PATH}/{upload}?offset=5", content=b"56789").json()["done"]
    found = find_arrival(workspace, upload)
    assert found and found.path.read_bytes() == b"0123456789"


def test_an_upload_goes_on_after_the_app_was_restarted(
    client: TestClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamlit_app import upload_route

    upload = begin(client, 10)
    client.put(f"{PATH}/{upload}?offset=0", content=b"01234")
    monkeypatch.setattr(upload_route, "_INTAKES", upload_route.Intakes())
    client.put(f"{PATH}/{upload}?offset=5", content=b"56789")
    found = find_arrival(workspace, upload)
    assert found and found.sha256 == hashlib.sha256(b"0123456789").hexdigest()


def test_more_than_was_announced_is_refused(client: TestClient, workspace: Workspace) -> None:
    upload = begin(client, 4)
    assert client.put(f"{PATH}/{upload}?offset=0", content=b"12345").status_code == 413
    assert client.put(f"{PATH}/{upload}?offset=0", content=b"1234").json()["done"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {TICKET_HEADER: "guessed"},
        {TICKET_HEADER: TICKET, "Origin": "http://evil.example"},
        {TICKET_HEADER: TICKET, "Origin": "null"},
        {TICKET_HEADER: TICKET, "Sec-Fetch-Site": "cross-site"},
        {TICKET_HEADER: TICKET, "Sec-Fetch-Site": "same-site"},
        {TICKET_HEADER: TICKET, "Sec-Fetch-Site": "none"},
        {TICKET_HEADER: b"\xc3\xbc"},
    ],
)
def test_other_sites_upload_nothing(workspace: Workspace, headers: dict[str, str | bytes]) -> None:
    client = TestClient(APP, headers=headers)  # type: ignore[arg-type]
    assert client.post(PATH, json={"name": "a.csv", "bytes": 1}).status_code == 403
    assert client.put(f"{PATH}/20260101-000000-00000000?offset=0").status_code == 403
    assert not workspace.arriving.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"name": 1, "bytes": 1}',
        b'{"name": "a.csv", "bytes": "1"}',
        b'{"name": "a.csv", "bytes": true}',
        b'{"name": "a.csv", "bytes": -1}',
        b'{"name": "a.exe", "bytes": 1}',
        b'{"name": "a.csv", "bytes": 1e30}',
        b'{"name": "a.csv", "bytes": 9223372036854775807}',
        b'{"name": "' + b"a" * 5000 + b'.csv", "bytes": 1}',
        b"[" * 4000,
    ],
)
def test_a_beginning_that_makes_no_sense_is_refused(
    client: TestClient, workspace: Workspace, body: bytes
) -> None:
    answer = client.post(PATH, content=body)
    assert answer.status_code in (400, 413) and answer.json()["reason"]
    assert not workspace.arriving.exists()


@pytest.mark.parametrize("offset", ["", "x", "-1", "1.5", "٣", "9" * 40])
def test_a_slice_must_say_where_it_belongs(client: TestClient, offset: str) -> None:
    upload = begin(client, 4)
    assert client.put(f"{PATH}/{upload}?offset={offset}", content=b"x").status_code == 400


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2f..%2fetc", "20260101-000000-00000000"])
def test_nothing_outside_the_arrivals_is_written(
    client: TestClient, workspace: Workspace, name: str
) -> None:
    before = sorted(workspace.root.rglob("*"))
    assert client.put(f"{PATH}/{name}?offset=0", content=b"x").status_code in (404, 405)
    assert sorted(workspace.root.rglob("*")) == before


def test_names_do_not_leave_their_folder(client: TestClient, workspace: Workspace) -> None:
    upload = begin(client, 1, "../../../tmp/evil.csv")
    client.put(f"{PATH}/{upload}?offset=0", content=b"x")
    found = find_arrival(workspace, upload)
    assert found and found.path.parent == workspace.arriving / upload
    assert found.file_name == "evil.csv"


def test_what_is_given_up_is_gone(client: TestClient, workspace: Workspace) -> None:
    upload = begin(client, 4)
    client.put(f"{PATH}/{upload}?offset=0", content=b"12")
    assert client.delete(f"{PATH}/{upload}").status_code == 200
    assert client.put(f"{PATH}/{upload}?offset=2", content=b"34").status_code == 404
    assert not list_arrivals(workspace)


def test_what_has_arrived_is_not_given_up_by_a_late_wish(
    client: TestClient, workspace: Workspace
) -> None:
    upload = begin(client, 1)
    client.put(f"{PATH}/{upload}?offset=0", content=b"x")
    assert client.delete(f"{PATH}/{upload}").json()["done"]
    assert list_arrivals(workspace)


async def send(upload: str, offset: int, chunks: AsyncIterator[bytes | None]) -> int:
    """The status of a PUT whose body comes in chunks; None is a connection that breaks off."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            return {"type": "http.request", "body": b"", "more_body": False}
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def reply(message: Any) -> None:
        statuses.append(message.get("status", 0))

    headers = [(name.lower().encode(), value.encode()) for name, value in OURS.items()]
    scope = {
        "type": "http",
        "method": "PUT",
        "path": f"{PATH}/{upload}",
        "query_string": f"offset={offset}".encode(),
        "headers": [*headers, (b"host", b"testserver")],
    }
    await APP(scope, receive, reply)
    return statuses[0]


def test_what_came_before_the_connection_broke_off_is_kept(
    client: TestClient, workspace: Workspace
) -> None:
    upload = begin(client, 10)

    async def chunks() -> AsyncIterator[bytes | None]:
        yield b"0123"
        yield None

    assert asyncio.run(send(upload, 0, chunks())) == 400
    assert client.get(f"{PATH}/{upload}").json()["offset"] == 4


def test_whoever_sends_last_is_heard(client: TestClient, workspace: Workspace) -> None:
    upload = begin(client, 4 * MIB)

    async def both() -> list[int]:
        first_sent, second_done = asyncio.Event(), asyncio.Event()

        async def hanging() -> AsyncIterator[bytes | None]:
            yield b"a" * MIB
            first_sent.set()
            await second_done.wait()
            yield b"a" * MIB

        async def later() -> AsyncIterator[bytes | None]:
            yield b"b" * (3 * MIB)

        first = asyncio.create_task(send(upload, 0, hanging()))
        await first_sent.wait()
        second = await send(upload, MIB, later())
        second_done.set()
        return [second, await first]

    assert asyncio.run(both()) == [200, 409]
    found = find_arrival(workspace, upload)
    assert found and found.path.read_bytes() == b"a" * MIB + b"b" * (3 * MIB)


def test_memory_does_not_grow_with_the_file(client: TestClient, workspace: Workspace) -> None:
    total = 192 * MIB
    upload = begin(client, total)
    chunk, seen = bytes(64 * 1024), []

    async def chunks() -> AsyncIterator[bytes | None]:
        for number in range(total // len(chunk)):
            if number % 256 == 0:
                seen.append(resident_bytes())
            yield chunk

    assert asyncio.run(send(upload, 0, chunks())) == 200
    assert max(seen) - seen[1] < 16 * MIB
    found = find_arrival(workspace, upload)
    assert found and found.state is State.READY


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_disk_that_fills_up_keeps_what_came(
    client: TestClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begin(client, 4)
    client.put(f"{PATH}/{upload}?offset=0", content=b"12")

    def full(self: Any, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "_write", full)
        answer = client.put(f"{PATH}/{upload}?offset=2", content=b"34")
    assert answer.status_code == 507 and "No space left" in answer.json()["reason"]
    assert client.put(f"{PATH}/{upload}?offset=2", content=b"34").json()["done"]
