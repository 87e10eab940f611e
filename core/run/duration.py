"""How long a training will take, judged by one like it that has ended."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.numbers import is_number
from core.spec.run_spec import RunSpec

PACE_KEYS = ("micro_batch_size", "gradient_accumulation_steps", "sequence_len", "sample_packing")


@dataclass(frozen=True)
class Work:
    """What decides how long a training takes.

    `kind` is base model, data, method and number of GPUs: without the same nothing is said.
    `pace` is what decides how much one step does. None where the spec leaves it to Axolotl.
    """

    kind: tuple[Any, ...]
    pace: tuple[Any, ...]
    epochs: float | None
    steps: float | None


@dataclass(frozen=True)
class Trained:
    """A training that was completed, with the epochs and steps it made and the seconds it took."""

    work: Work
    epochs: float
    steps: int
    took_s: float


def describe_work(spec: RunSpec, gpus: int) -> Work:
    """The work that a spec asks for on so many GPUs, 0 for the CPU."""
    config = spec.axolotl
    return Work(
        kind=(spec.base_model, spec.datasets, spec.method, gpus),
        pace=tuple(repr(config.get(key)) for key in PACE_KEYS),
        epochs=_amount(config.get("num_epochs")),
        steps=_amount(config.get("max_steps")),
    )


def estimate_s(work: Work, trained: Iterable[Trained]) -> float | None:
    """The seconds it will take from start to end; None where nothing like it was trained.

    `trained` has the newest first: of those that are equally alike the newest counts.
    """
    alike = [past for past in trained if past.work.kind == work.kind and past.took_s > 0]
    alike.sort(key=lambda past: past.work.pace != work.pace)
    scaled = (_scale(work, past) for past in alike)
    return next((seconds for seconds in scaled if seconds is not None), None)


def _scale(work: Work, past: Trained) -> float | None:
    if work.steps is not None:
        same_pace = work.pace == past.work.pace and past.steps > 0
        return past.took_s * work.steps / past.steps if same_pace else None
    if work.epochs is not None:
        return past.took_s * work.epochs / past.epochs if past.epochs > 0 else None
    return past.took_s if past.work.epochs is past.work.steps is None else None


def _amount(value: Any) -> float | None:
    return float(value) if is_number(value) and 0 < value < math.inf else None
