import os
from pathlib import Path

import pytest

from core import handover


def test_a_record_arrives_whole_and_with_its_open_files(tmp_path: Path) -> None:
    ours, theirs = handover.pair()
    with ours, theirs, (tmp_path / "log").open("w") as log:
        handover.send(ours, {"text": "x" * 100_000}, [log.fileno()])
        handover.send(ours, {"second": True})
        record, (descriptor,) = handover.receive(theirs)
        assert len(record["text"]) == 100_000
        os.write(descriptor, b"from the other side")
        os.close(descriptor)
        assert handover.receive(theirs) == ({"second": True}, [])
    assert (tmp_path / "log").read_text() == "from the other side"


def test_the_end_of_the_other_side_is_noticed() -> None:
    ours, theirs = handover.pair()
    with theirs:
        ours.close()
        assert handover.receive(theirs) is None
        with pytest.raises(OSError):
            handover.send(theirs, {})


def test_a_door_may_lie_deeper_than_the_address_of_a_socket_is_long(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30) / "standby"
    with handover.open_door(folder) as door, handover.knock(folder) as visitor:
        handover.send(visitor, {"name": "a"})
        connection, _ = door.accept()
        with connection:
            assert handover.receive(connection) == ({"name": "a"}, [])


def test_only_the_owner_can_come_to_the_door(tmp_path: Path) -> None:
    folder = tmp_path / "standby"
    folder.mkdir(mode=0o777)
    with handover.open_door(folder):
        assert folder.stat().st_mode & 0o077 == 0


def test_a_door_that_a_killed_daemon_left_behind_is_replaced(tmp_path: Path) -> None:
    handover.open_door(tmp_path).close()
    with pytest.raises(ConnectionRefusedError):
        handover.knock(tmp_path)
    with handover.open_door(tmp_path) as door, handover.knock(tmp_path):
        door.accept()[0].close()
