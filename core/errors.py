"""The errors this project raises on purpose.

TrainerUIError
├── SpecError        a run spec cannot run
├── DatasetError     an upload cannot be trained on
├── SettingsError    configs/settings.yaml is wrong
├── PhaseError       a run cannot make this move
├── RecordError      a record on disk cannot be read
├── CheckpointError  a run has checkpoints, and none of them can be resumed
└── SandboxError     the sandbox cannot answer
    └── SandboxBusyError    it did not reply in time, and may still do its work

Every message says what happened, where, and what to do.
"""


class TrainerUIError(Exception):
    """Base of every error raised on purpose; its text is fit to be shown to a person."""


class SpecError(TrainerUIError):
    """A run spec cannot run."""


class DatasetError(TrainerUIError):
    """An upload cannot be trained on."""


class SettingsError(TrainerUIError):
    """The settings file is wrong."""


class PhaseError(TrainerUIError):
    """A run cannot make this move."""


class RecordError(TrainerUIError):
    """A record on disk cannot be read."""


class CheckpointError(TrainerUIError):
    """A run has checkpoints, and none of them can be resumed."""


class SandboxError(TrainerUIError):
    """The sandbox cannot answer."""


class SandboxBusyError(SandboxError):
    """The sandbox did not reply in time; asking once more may help."""
