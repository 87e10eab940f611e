import os
from pathlib import Path

from core.files import ring
from daemon.queue_folder import QueueFolder
from daemon.watch import Watch


def test_every_ring_wakes_the_loop_not_only_the_first(tmp_path: Path) -> None:
    watch = Watch(QueueFolder(tmp_path, 3.0))
    watch.renew()
    try:
        for _ in range(3):
            ring(tmp_path / ".wake")
            assert watch.wait(20)
            # Several events may tell of one ring.
            while watch.wait(0.2):
                pass
    finally:
        watch.stop()


def test_a_ring_where_nothing_can_be_written_is_no_error(tmp_path: Path) -> None:
    ring(tmp_path / "missing" / ".wake")


def test_a_pipe_in_the_place_of_the_file_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".wake")
    ring(tmp_path / ".wake")
