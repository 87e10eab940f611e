"""How far the preparation of a waiting run is, in its `prepared.json`."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from core.errors import RecordError
from core.files import load_json, save_json
from core.run.phase import Stage

DONE = "done"
"""The stage after `imports`, `config`, `dataset` and `model`, which are those of a start."""


@dataclass(frozen=True)
class Preparation:
    """The stage it is in, the seconds that each one took, and what was found.

    `rows` is how many there are to train on, None while unknown; `error` is empty when all is well.
    """

    stage: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    rows: int | None = None
    error: str = ""

    @property
    def holds_data(self) -> bool:
        """Whether it is at work on the data, which a start would then wait for."""
        return self.stage == Stage.DATASET


def save_preparation(path: Path, preparation: Preparation) -> None:
    """Replace the record."""
    save_json(path, asdict(preparation), durable=False)


def load_preparation(path: Path) -> Preparation:
    """The record in the file; one that has not begun where there is none that can be read."""
    try:
        record = load_json(path)
        return Preparation(
            stage=str(record["stage"]),
            seconds={str(stage): float(s) for stage, s in record["seconds"].items()},
            rows=record["rows"],
            error=str(record["error"]),
        )
    except (OSError, RecordError, KeyError, AttributeError, TypeError, ValueError):
        return Preparation()
