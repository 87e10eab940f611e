"""What arrives at the socket on which systemd listens."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.notify import notify, take_address


@pytest.fixture(params=["path", "abstract"])
def address(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    return f"@{tmp_path}" if request.param == "abstract" else str(tmp_path / "notify")


@pytest.fixture
def systemd(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0", 1))
        listening.settimeout(5)
        yield listening


def test_each_assignment_is_a_line_of_one_message(systemd: socket.socket, address: str) -> None:
    notify(address, "WATCHDOG=1", "STATUS=idle")
    assert systemd.recv(100) == b"WATCHDOG=1\nSTATUS=idle"


@pytest.mark.parametrize("nobody", ["", "/nowhere/notify", "@nobody listens", "x" * 200, "a\0b"])
def test_where_nobody_listens_nothing_happens(nobody: str) -> None:
    notify(nobody, "READY=1")


def test_a_taken_address_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert take_address() == "/run/systemd/notify"
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(os.environ)
    assert take_address() == ""
