"""Ways of training side by side: medians of seconds, and their ratios to Axolotl's own command."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH = 46


@dataclass(frozen=True)
class Compared:
    """One quantity, measured in several ways, each in as many rounds.

    The first way is what the others are compared with. `goals` are ratios that each should stay
    below, or above where more is better.
    """

    title: str
    seconds: Mapping[str, Sequence[float]]
    goals: Mapping[str, float]
    unit: str = "s"
    more_is_better: bool = False

    def lines(self) -> list[str]:
        """A line for each way."""
        base = statistics.median(next(iter(self.seconds.values())))
        return [self._line(way, values, base) for way, values in self.seconds.items()]

    def _line(self, way: str, values: Sequence[float], base: float) -> str:
        median = statistics.median(values)
        ratio, goal = median / base, self.goals.get(way)
        told = f"{self.title}: {way}"
        line = f"{told:{WIDTH}}{median:9.2f} {self.unit:4}{min(values):8.2f} {max(values):8.2f}"
        line += f"{ratio:8.3f}"
        if goal is None:
            return line
        missed = ratio < goal if self.more_is_better else ratio > goal
        sign = ">" if self.more_is_better else "<"
        return f"{line}   {sign} {goal:g}{'  MISSED' if missed else ''}"


def table(title: str, rows: Sequence[Compared]) -> str:
    """All quantities below each other."""
    head = f"{title:{WIDTH}}{'median':>9} {'':4}{'least':>8} {'most':>8}{'ratio':>8}   goal"
    return "\n".join([head, *(line for row in rows for line in row.lines())])
