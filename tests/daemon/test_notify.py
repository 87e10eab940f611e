"""What the daemon tells systemd."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon import notify


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setattr(notify, "_address", "")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def test_ready_alive_and_stopping_are_told_in_that_order(systemd: socket.socket) -> None:
    notify.begin()
    notify.ready()
    notify.alive("capitals: running\n 12 of 100 steps")
    notify.stopping()
    assert [systemd.recv(200) for _ in range(3)] == [
        b"READY=1",
        b"WATCHDOG=1\nSTATUS=capitals: running 12 of 100 steps",
        b"STOPPING=1",
    ]


def test_what_the_daemon_starts_cannot_speak_for_it(systemd: socket.socket) -> None:
    notify.begin()
    assert "NOTIFY_SOCKET" not in os.environ


def test_outside_a_service_nothing_is_told(systemd: socket.socket) -> None:
    notify.ready()
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.recv(200)
