"""Where a run can be, and which moves are allowed."""

from enum import StrEnum


class Phase(StrEnum):
    """One word for where a run is."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


LIVE = frozenset({Phase.STARTING, Phase.RUNNING, Phase.PAUSING, Phase.CANCELLING})
"""Phases in which a trainer process may exist."""

FINISHED = frozenset({Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED})
"""Phases a run does not leave by itself."""

CANCELLABLE = frozenset(Phase) - FINISHED - {Phase.CANCELLING}
"""Phases in which a wish to cancel makes sense."""

PAUSABLE = frozenset({Phase.QUEUED, Phase.STARTING, Phase.RUNNING})
"""Phases in which a wish to pause makes sense; one that waits is kept from starting."""

MOVES: dict[Phase, frozenset[Phase]] = {
    Phase.QUEUED: frozenset({Phase.STARTING, Phase.PAUSED, Phase.FAILED, Phase.CANCELLED}),
    Phase.STARTING: frozenset(
        {
            Phase.RUNNING,
            Phase.PAUSING,
            Phase.COMPLETED,
            Phase.FAILED,
            Phase.CANCELLING,
            Phase.QUEUED,
        }
    ),
    Phase.RUNNING: frozenset(
        {Phase.PAUSING, Phase.COMPLETED, Phase.FAILED, Phase.CANCELLING, Phase.QUEUED}
    ),
    Phase.PAUSING: frozenset(
        {Phase.PAUSED, Phase.COMPLETED, Phase.FAILED, Phase.CANCELLING, Phase.QUEUED}
    ),
    Phase.PAUSED: frozenset({Phase.QUEUED, Phase.CANCELLED}),
    Phase.CANCELLING: frozenset({Phase.CANCELLED}),
    Phase.COMPLETED: frozenset(),
    Phase.FAILED: frozenset({Phase.QUEUED}),
    Phase.CANCELLED: frozenset(),
}


class Stage(StrEnum):
    """What a live run is doing, as the trainer reports it."""

    SPAWN = "spawn"
    IMPORTS = "imports"
    CONFIG = "config"
    DATASET = "dataset"
    MODEL = "model"
    TRAINING = "training"
    EVALUATING = "evaluating"
    SAVING = "saving"
    ENDING = "ending"


class Verb(StrEnum):
    """What a person may wish of a run."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    CHECKPOINT = "checkpoint"
    RETRY = "retry"
    SHRINK = "shrink"
    MOVE = "move"
