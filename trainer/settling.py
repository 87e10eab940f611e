"""What libraries took from the environment when they were imported, taken anew for the run.

`daemon/standby_plan.py` gives a standby only runs whose environment differs in no more than this.
"""

import os

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def settle() -> None:
    """Bring the libraries in line with the environment as it is now."""
    import datasets.config
    from huggingface_hub import constants

    def is_set(name: str) -> bool:
        return os.environ.get(name, "").upper() in constants.ENV_VARS_TRUE_VALUES

    # As both read it themselves; a standby was born offline.
    constants.HF_HUB_OFFLINE = any(map(is_set, OFFLINE))
    datasets_offline = constants.HF_HUB_OFFLINE or is_set("HF_DATASETS_OFFLINE")
    datasets.config.HF_HUB_OFFLINE = datasets.config.HF_DATASETS_OFFLINE = datasets_offline
