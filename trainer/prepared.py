"""Half-written prepared data: Axolotl would choke on it in every later run."""

import shutil
from pathlib import Path

from axolotl.utils.data.lock import LOCK_FILE_NAME
from filelock import FileLock


def sweep_half_written(prepared_dir: str) -> None:
    """Remove prepared datasets that a killed process left without `state.json`, written last.

    Holds the lock under which Axolotl prepares, so that what another run is writing is left alone.
    """
    folder = Path(prepared_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(str(folder / LOCK_FILE_NAME)):
        for dataset in folder.iterdir():
            if dataset.is_dir() and not (dataset / "state.json").is_file():
                shutil.rmtree(dataset)
