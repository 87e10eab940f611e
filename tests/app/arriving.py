"""What brings arrivals to the desk in tests: the browser's part, and the daemon's."""

import hashlib

from core.dataset.arrival.arrival import Arrival, State, list_arrivals
from core.dataset.arrival.arriving import create_upload, finish
from core.paths import Workspace
from core.settings import Settings
from trainer.arriving import work
from trainer.dataset_import import import_arrival

SETTINGS = Settings(min_free_disk_gib=0)


def upload(workspace: Workspace, file_name: str, content: bytes) -> Arrival:
    """A file that the browser has sent whole."""
    arrival = create_upload(workspace, SETTINGS, file_name, len(content))
    arrival.paths.part.write_bytes(content)
    return finish(arrival.paths, hashlib.sha256(content).hexdigest())


def carry_out(workspace: Workspace) -> None:
    """Do every import that is asked for, as the daemon lets it be done."""
    for arrival in list_arrivals(workspace):
        if arrival.state is State.WAITING:
            work(
                arrival.paths.folder,
                lambda paths, teller: import_arrival(workspace, paths, teller),
            )
            arrival.paths.import_request.unlink()
            # A process of its own would let go of it at its end.
            arrival.paths.lock.unlink()
