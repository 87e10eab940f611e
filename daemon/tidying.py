"""Day files that grow old: compressed, then dropped."""

import gzip
import os
import shutil
from datetime import date, timedelta
from pathlib import Path

from core.files import sync_folder
from core.gpu import day_of

KEEP_DAYS = 30


def tidy(folder: Path, today: date, keep_days: int = KEEP_DAYS) -> None:
    """Drop the days older than `keep_days` and compress those before yesterday."""
    # Yesterday stays plain: a chart across midnight then reads only the end of its file.
    for path in sorted(folder.iterdir()):
        day = day_of(path)
        if day is None:
            continue
        if day < today - timedelta(days=keep_days):
            path.unlink()
        elif day < today - timedelta(days=1) and path.suffix == ".csv":
            compress(path)


def compress(path: Path) -> None:
    """Turn `<day>.csv` into `<day>.csv.gz`; a reader finds the one or the other."""
    target = path.with_name(f"{path.name}.gz")
    aside = path.with_name(f".{target.name}.tmp")
    try:
        with path.open("rb") as source, aside.open("wb") as file:
            with gzip.GzipFile(filename="", mode="wb", fileobj=file) as packed:
                shutil.copyfileobj(source, packed)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
        sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)
    path.unlink()
