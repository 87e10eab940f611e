"""How the daemon tells a trainer's processes what to do: variables in their environment.

The first also marks every process of a run, wherever it hides, so that cancelling finds it.
"""

RUN_FOLDER_VARIABLE = "LLM_TRAINER_RUN"
"""The run's folder."""

ATTEMPT_VARIABLE = "LLM_TRAINER_ATTEMPT"
"""Which attempt of the run this is, from 1."""

RANKS_VARIABLE = "LLM_TRAINER_RANKS"
"""How many processes train together."""

STANDBY_VARIABLE = "LLM_TRAINER_STANDBY"
"""Which standby a process was born in, before it had a run: marks it as the first one does."""

COLD_VARIABLE = "LLM_TRAINER_COLD"
"""Why the attempt starts cold; empty when a standby was taken."""
