"""From a file in the queue folder to a run, or to a rejection with its reason."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from core.errors import RecordError, SpecError
from core.files import read_untrusted
from core.paths import Workspace
from core.safe_yaml import MAX_BYTES
from core.settings import Settings
from core.spec.check import check_spec
from daemon import records
from daemon.decide import Waiting, find_gpu_problem, next_rank
from daemon.queue_folder import QueueFolder
from daemon.roster import Roster

log = logging.getLogger(__name__)


TURN_S = 0.5
"""So long at most one turn takes specs: a thousand dropped at once must not hide that we live."""


def take_specs(
    roster: Roster, settings: Settings, queue: QueueFolder, gpu_indexes: Sequence[int]
) -> bool:
    """Make a run of each complete spec in the queue folder; reject what cannot run.

    Whether specs are left for the next turn.
    """
    deadline = time.monotonic() + TURN_S
    for path in queue.candidates():
        if time.monotonic() > deadline:
            return True
        try:
            roster.add(_take(roster, settings, path, gpu_indexes))
        except FileNotFoundError:
            continue
        except (SpecError, RecordError) as error:
            # What looks wrong may still be being written.
            if queue.is_settled(path.name):
                log.info("rejected %s: %s", path.name, error)
                _reject(roster.workspace, path, str(error))
        except OSError:
            # No fault of the spec: a full disk, say. It stays where it is, for a later turn.
            log.exception("%s could not be taken", path.name)
    return False


def _take(roster: Roster, settings: Settings, path: Path, gpu_indexes: Sequence[int]) -> Waiting:
    text = read_untrusted(path, MAX_BYTES)
    spec = check_spec(text, path.stem, roster.workspace.root, settings)
    problem = find_gpu_problem(spec, gpu_indexes)
    if problem:
        raise SpecError(problem)
    rank = next_rank(roster.waiting)
    status = records.create_run(roster.workspace, path, spec, text, rank)
    log.info("took %s as run %s", path.name, status.run_id)
    return Waiting(status, spec)


def _reject(workspace: Workspace, path: Path, reason: str) -> None:
    try:
        records.reject(workspace, path, reason)
    except OSError:
        log.exception("%s could not be put aside", path.name)
