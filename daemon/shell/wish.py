"""`pause`, `resume`, `cancel` and so on: write what is wished of a run, and wait for the effect."""

import getpass
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.run.phase import LIVE, Phase, Verb
from core.run.status import RunStatus
from core.run.store import Run, Store
from core.run.verbs import problem_with
from core.spec.run_spec import NAME
from daemon.shell.advice import HOW_TO_START
from daemon.shell.find import find_run
from daemon.shell.liveness import look_for_daemon
from daemon.shell.terminal import one_line, say

POLL_S = 0.2
OK, NOT_DONE = 0, 1


@dataclass(frozen=True)
class Effect:
    """What came of a wish: whether it was met, in a sentence."""

    met: bool
    told: str


@dataclass(frozen=True)
class Wish:
    """A request that was written, and the run as it was before; `to` is the place of a move."""

    verb: Verb
    before: RunStatus
    file: Path
    to: int | None = None


def ask(store: Store, verb: Verb, words: Sequence[str], to: int | None, until_met: bool) -> int:
    """Ask the same of each run; the exit code. Raises ShellError if one of them is not known.

    A run of which it cannot be wished now is told, and the others are asked all the same.
    """
    runs = [find_run(store, word) for word in words]
    wishes = [wish for run in runs if (wish := _write(store, verb, run, to))]
    if wishes and not look_for_daemon(store.workspace).lives:
        say(f"The daemon is not running: it obeys once it runs. {HOW_TO_START}")
    met = [_await(store, wish) for wish in wishes] if until_met else []
    return OK if len(wishes) == len(runs) and all(met) else NOT_DONE


def find_effect(wish: Wish, after: RunStatus, answered: bool) -> Effect | None:
    """What came of the wish; None while that is open.

    `answered` is whether the daemon had removed the request before `after` was read.
    """
    if _is_met(wish, after):
        return Effect(True, _told(after))
    if wish.verb is Verb.MOVE and answered and after.phase is Phase.QUEUED:
        # A place beyond the end of the queue is its end.
        met = wish.to is not None and after.position <= wish.to
        return Effect(met, f"{after.run_id} is number {after.position} in the queue")
    if answered and after.phase not in _under_way(wish.verb):
        return Effect(False, f"It was not done. {_told(after)}")
    return None


def _write(store: Store, verb: Verb, run: Run, to: int | None) -> Wish | None:
    problem = problem_with(verb, run.status)
    if problem:
        say(one_line(problem))
        return None
    file = store.request(run.run_id, verb, by=_user(), to=to)
    print(f"{run.run_id}: asked to {verb}", flush=True)
    return Wish(verb, run.status, file, to)


def _await(store: Store, wish: Wish) -> bool:
    while True:
        # In this order: what was answered shows in a status that is read afterwards.
        answered = not wish.file.exists()
        run = store.find_run(wish.before.run_id)
        if run is None and not wish.file.parent.exists():
            say(f"{wish.before.run_id} is gone: its folder was removed.")
            return False
        effect = find_effect(wish, run.status, answered) if run else None
        if effect:
            print(effect.told, flush=True)
            return effect.met
        time.sleep(POLL_S)


def _is_met(wish: Wish, after: RunStatus) -> bool:
    before = wish.before
    match wish.verb:
        case Verb.PAUSE:
            return after.phase is Phase.PAUSED
        case Verb.CANCEL:
            return after.phase is Phase.CANCELLED
        case Verb.CHECKPOINT:
            return after.latest_checkpoint != before.latest_checkpoint
        case Verb.SHRINK:
            return after.shrinks > before.shrinks
        case Verb.RETRY if before.phase is Phase.QUEUED:
            return after.phase is not Phase.QUEUED or after.retry_at is None
        case Verb.RESUME | Verb.RETRY:
            # One that cannot be taken up again fails; one that could, may fail later.
            is_new = after.attempt > before.attempt
            return is_new or after.phase not in (before.phase, Phase.FAILED)
    return False


def _under_way(verb: Verb) -> frozenset[Phase]:
    """Phases in which a wish that was answered may still be met."""
    return {
        Verb.PAUSE: frozenset({Phase.PAUSING}),
        Verb.CANCEL: frozenset({Phase.CANCELLING}),
        Verb.CHECKPOINT: LIVE - {Phase.CANCELLING},
    }.get(verb, frozenset())


def _told(status: RunStatus) -> str:
    reason = f": {one_line(status.reason)}" if status.reason else ""
    return f"{status.run_id} is {status.phase}{reason}"


def _user() -> str:
    """Who asks, if their name is one that a request may carry."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return ""
    return name if NAME.fullmatch(name) else ""
