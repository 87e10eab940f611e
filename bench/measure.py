"""One measured number beside the goal it has to stay below."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """What was measured; `goal` is the bound it should stay below, None where there is none."""

    title: str
    value: float
    unit: str
    goal: float | None = None

    @property
    def is_missed(self) -> bool:
        return self.goal is not None and self.value >= self.goal


def table(title: str, measures: Sequence[Measure]) -> str:
    """The measures below each other; a missed goal is marked."""
    width = max(len(title), *(len(measure.title) for measure in measures))
    lines = [f"{title:{width}} {'goal':>10} {'measured':>14}"]
    return "\n".join([*lines, *(_line(measure, width) for measure in measures)])


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that at least so many percent of them do not exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def _line(measure: Measure, width: int) -> str:
    goal = "" if measure.goal is None else f"< {measure.goal:g}"
    mark = "  MISSED" if measure.is_missed else ""
    return f"{measure.title:{width}} {goal:>10} {measure.value:9.2f} {measure.unit:4}{mark}"
