"""What libraries took from the environment when they were imported, taken anew for the run.

`daemon/standby_fit.py` hands over only runs whose environment differs in no more than this.
"""

import os


def settle() -> None:
    """Bring the libraries in line with the environment as it is now."""
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    if os.environ.get("HF_HUB_OFFLINE") != "1":
        go_online()


def go_online() -> None:
    """Let the Hub be asked, which a standby never does."""
    import datasets.config
    import huggingface_hub.constants

    huggingface_hub.constants.HF_HUB_OFFLINE = False
    datasets.config.HF_HUB_OFFLINE = datasets.config.HF_DATASETS_OFFLINE = False
