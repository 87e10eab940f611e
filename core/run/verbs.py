"""What may be wished of a run, and when: the same rule for the page, the shell and the daemon."""

from core.run.failure import FailureKind
from core.run.phase import CANCELLABLE, PAUSABLE, Phase, Verb
from core.run.status import RunStatus

_PHASES = {
    Verb.PAUSE: PAUSABLE,
    Verb.RESUME: frozenset({Phase.PAUSED}),
    Verb.CANCEL: CANCELLABLE,
    Verb.CHECKPOINT: frozenset({Phase.RUNNING}),
    Verb.RETRY: frozenset({Phase.FAILED}),
    Verb.SHRINK: frozenset({Phase.FAILED}),
    Verb.MOVE: frozenset({Phase.QUEUED}),
}

HELD = frozenset({Phase.PAUSING, Phase.PAUSED})
"""Phases of a run that a guard pauses and a person may keep from going on by itself."""


def problem_with(verb: Verb, status: RunStatus) -> str:
    """Why the wish cannot be met as the run stands; empty when it can."""
    if verb is Verb.RETRY and status.phase is Phase.QUEUED and status.retry_at:
        return ""
    if verb is Verb.PAUSE and status.held_by and status.phase in HELD:
        return ""
    if status.phase not in _PHASES[verb]:
        return f"{status.name} is {status.phase}; `{verb}` is for a run that is {_list(verb)}."
    if verb is Verb.SHRINK and not ran_out_of_gpu_memory(status):
        return f"{status.name} did not run out of GPU memory, so a smaller batch is no cure."
    return ""


def ran_out_of_gpu_memory(status: RunStatus) -> bool:
    """Whether the last attempt failed for want of GPU memory."""
    return status.failure is not None and status.failure.kind is FailureKind.GPU_MEMORY


def _list(verb: Verb) -> str:
    words = [phase.value for phase in Phase if phase in _PHASES[verb]]
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
