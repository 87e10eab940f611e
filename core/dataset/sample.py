"""Some rows of a dataset, to look at."""

import random
from typing import Any, BinaryIO

from core.dataset.card import Dataset
from core.files import parse_json_lines

WHOLE_SAMPLE_BYTES = 4 * 1024 * 1024


def sample_rows(dataset: Dataset, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Some rows to look at, other ones for each seed; a large file is not read through."""
    path, chance = dataset.paths.train, random.Random(seed)
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= WHOLE_SAMPLE_BYTES:
            lines = [line for line in file if line.strip()]
            lines = [
                lines[at] for at in sorted(chance.sample(range(len(lines)), min(count, len(lines))))
            ]
        else:
            lines = _lines_at(file, sorted(chance.randrange(size) for _ in range(count)))
    return parse_json_lines(lines)


def _lines_at(file: BinaryIO, offsets: list[int]) -> list[bytes]:
    lines = {}
    for offset in offsets:
        file.seek(offset)
        file.readline()
        at = file.tell()
        lines[at] = file.readline()
    return [line for line in lines.values() if line.strip()]
