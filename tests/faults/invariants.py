"""What holds whatever happens: each finder returns one sentence for every time that it does not.

- I1: each spec ever dropped is in exactly one place: queue, rejected, or the folder of one run
- I2: never do two trainers of a run live at once, and none is started twice for one attempt
- I3: every record that a reader opens is whole
- I4: a run moves as the table of moves allows; what is completed or cancelled stays so
- I5: no process of a run lives that is waiting, paused or finished
- I6: the daemon lives and completes one more good spec (`Scene.check` sees to that)
"""

import threading
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from core.errors import RecordError
from core.files import load_json, parse_json_lines
from core.paths import RunPaths, Workspace
from core.run.phase import FINISHED, LIVE, MOVES, Phase
from core.run.status import from_record
from core.run.store import Store
from core.spec.run_spec import FILE_NAME
from tests.lives import read_lives
from tests.supervision import living

FINAL = FINISHED - {Phase.FAILED}
POLL_S = 0.003


class Witness:
    """Sees every spec that is dropped, and reads every record all the time.

    `crashes` is how often the daemon was killed: each may cost one line of a run's events, since
    the status is written first.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.dropped: Counter[bytes] = Counter()
        self.crashes = 0
        self.reads = 0
        self._damaged: set[Path] = set()
        self._last: dict[str, Phase] = {}
        self._seen: set[str] = set()
        self._stopping = threading.Event()
        self._reader = threading.Thread(target=self._read_on, name="witness", daemon=True)
        self._reader.start()

    def allow_damage(self, path: Path) -> None:
        """The test is going to damage this record."""
        self._damaged.add(path)

    def stop(self) -> None:
        self._stopping.set()
        self._reader.join()

    def find_problems(self) -> list[str]:
        """Every breach of I1 to I5, as things are now and as they were seen before."""
        runs = self.workspace.run_folders()
        return [
            *find_misplaced(self.workspace, self.dropped),
            *(problem for paths in runs for problem in find_double_lives(paths)),
            *sorted(self._seen),
            *(problem for paths in runs for problem in find_torn(paths)),
            *(problem for paths in runs for problem in find_moves(paths, self.crashes)),
            *(problem for paths in runs for problem in find_survivors(paths)),
        ]

    def _read_on(self) -> None:
        while not self._stopping.wait(POLL_S):
            self._read(self.workspace.heartbeat)
            for paths in self.workspace.run_folders():
                self._read_status(paths)

    def _read_status(self, paths: RunPaths) -> None:
        record = self._read(paths.status)
        if record is None:
            return
        try:
            phase = from_record(record).phase
        except RecordError as error:
            self._note(paths.status, f"I3: {error}")
            return
        before = self._last.get(paths.run_id, phase)
        self._last[paths.run_id] = phase
        if before in FINAL and phase is not before:
            self._note(paths.status, f"I4: {paths.run_id} was {before} and is {phase}")

    def _read(self, path: Path) -> dict | None:
        try:
            record = load_json(path)
        except FileNotFoundError:
            return None
        except (OSError, RecordError) as error:
            self._note(path, f"I3: {error}")
            return None
        self.reads += 1
        return record

    def _note(self, path: Path, problem: str) -> None:
        if path not in self._damaged:
            self._seen.add(problem)


def find_misplaced(workspace: Workspace, dropped: Counter[bytes]) -> Iterator[str]:
    """I1, by the content of the specs; the name may be given to another one later."""
    found = Counter(path.read_bytes() for path in _specs(workspace))
    for text in dropped | found:
        if found[text] != dropped[text]:
            yield f"I1: dropped {dropped[text]} times, found {found[text]} times: {text!r}"
    for paths in workspace.run_folders():
        if paths.spec.exists() and not paths.status.exists():
            yield f"I1: {paths.run_id} has a spec and no status"


def _specs(workspace: Workspace) -> Iterator[Path]:
    yield from Store(workspace).dropped()
    for folder in (workspace.rejected, workspace.rejected / ".dismissed"):
        yield from (path for path in folder.glob("*") if FILE_NAME.fullmatch(path.name))
    yield from (paths.spec for paths in workspace.run_folders() if paths.spec.exists())


def find_double_lives(paths: RunPaths) -> Iterator[str]:
    """I2, as the trainers told it themselves."""
    trainers = [life for life in read_lives(paths) if life.is_trainer]
    for life in trainers:
        if life.beside:
            yield f"I2: {paths.run_id}: {life.beside} lived beside attempt {life.attempt}"
    for attempt, count in Counter(life.attempt for life in trainers).items():
        if count > 1:
            yield f"I2: {paths.run_id}: attempt {attempt} was started {count} times"
    for log in (paths.journal, paths.metrics):
        attempts = [record["attempt"] for record in _records(log)]
        if attempts != sorted(attempts):
            yield f"I2: {log} holds lines of two attempts in turn"


def find_torn(paths: RunPaths) -> Iterator[str]:
    """I3: the record as it is now."""
    try:
        from_record(load_json(paths.status))
    except FileNotFoundError:
        return
    except (OSError, RecordError) as error:
        yield f"I3: {error}"


def find_moves(paths: RunPaths, crashes: int) -> Iterator[str]:
    """I4: the moves as the events tell them, but for one line that a crash may have cost."""
    events = _records(paths.events)
    phases = [Phase(event["phase"]) for event in events]
    if phases and phases[0] is not Phase.QUEUED and not crashes:
        yield f"I4: {paths.run_id} began as {phases[0]}"
    lost = 0
    for (before, after), event in zip(pairwise(phases), events[1:], strict=True):
        if before in FINAL:
            yield f"I4: {paths.run_id} went from {before} to {after}"
        elif before is Phase.FAILED and "tried again" not in event["reason"]:
            yield f"I4: {paths.run_id} went from failed to {after}, unasked: {event['reason']}"
        elif after not in MOVES[before]:
            lost += 1
            if lost > crashes or not any(after in MOVES[between] for between in MOVES[before]):
                yield f"I4: {paths.run_id} went from {before} to {after}"
    phase = _phase(paths)
    if phase and phases and phase is not phases[-1] and lost >= crashes:
        yield f"I4: {paths.run_id} is {phase}, its last event tells {phases[-1]}"


def find_survivors(paths: RunPaths) -> Iterator[str]:
    """I5: found by their mark, and those that have lost it by what they said at their birth."""
    phase = _phase(paths)
    if phase is None or phase in LIVE:
        return
    left = {*living(paths), *(life.pid for life in read_lives(paths) if life.goes_on)}
    if left:
        yield f"I5: {paths.run_id} does not live, but its processes {sorted(left)} do"


def _phase(paths: RunPaths) -> Phase | None:
    """Where the run is; None when that cannot be read, which is told on its own."""
    try:
        return from_record(load_json(paths.status)).phase
    except (OSError, RecordError):
        return None


def _records(path: Path) -> list[dict]:
    return parse_json_lines(path.read_bytes().splitlines()) if path.exists() else []
