"""From the submit to the first training step: `axolotl train`, a cold start of ours, a warm one.

Each round trains every case in every way, one after the other. The first step is told by the loss
that is logged after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.by_hand import train_by_hand
from bench.compared import Compared, table
from bench.daemon_process import supervising
from bench.progress import tell
from bench.supervised import Bench, Watched, train_supervised, wait_for_standby
from bench.timing import Timing

WAYS = BY_HAND, COLD, WARM = "axolotl train", "ours, cold", "ours, warm"
PACKED = {"sample_packing": True, "sequence_len": 512, "micro_batch_size": 2}


@dataclass(frozen=True)
class Case:
    """What is trained: `changes` to the spec, and whether its data is new in every round."""

    title: str
    changes: Mapping[str, object] = field(default_factory=dict)
    is_unseen: bool = False
    goals: dict[str, float] = field(default_factory=dict)


CASES = (
    Case("data cached", goals={COLD: 0.55, WARM: 0.06}),
    Case("10,000 new rows", is_unseen=True, goals={WARM: 0.15}),
    Case("packed, data cached", PACKED, goals={WARM: 0.15}),
)


def measure_starts(folder: Path, rounds: int, steps: int) -> str:
    """All cases in all ways, as a table."""
    warm = Bench.create(folder / "warm", steps)
    cold = Bench.create(folder / "cold", steps, warm_standby=False)
    timings: dict[tuple[str, str], list[Timing]] = {}
    with supervising(warm.workspace), supervising(cold.workspace):
        for number in range(rounds + 1):
            for case in CASES:
                tell(f"{case.title}, round {number} of {rounds}" if number else f"{case.title}")
                for way, timing in train_case(case, warm, cold, number):
                    # The first round fills the caches.
                    if number:
                        timings.setdefault((case.title, way), []).append(timing)
    return table("submit to first step", compare(timings))


def train_case(case: Case, warm: Bench, cold: Bench, number: int) -> list[tuple[str, Timing]]:
    """The case in each way, in one round."""
    name = f"{case.title.replace(',', '').replace(' ', '-')}-{number}"
    warm, cold = (bench.asking(**case.changes) for bench in (warm, cold))
    if case.is_unseen:
        warm, cold = warm.with_unseen_data(name), cold.with_unseen_data(name)
    prepared = name if case.is_unseen else case.title.replace(" ", "-")
    # Else it would be made beside the others.
    wait_for_standby(warm)
    by_hand = train_by_hand(cold, name, prepared)
    ours_cold = train_supervised(cold, name).timing
    ours_warm = train_supervised(warm, name)
    require_warm(ours_warm)
    return [(BY_HAND, by_hand), (COLD, ours_cold), (WARM, ours_warm.timing)]


def require_warm(watched: Watched) -> None:
    """A start that was to be warm and was not measures nothing."""
    if watched.cold_because:
        raise RuntimeError(f"{watched.run.run_id} started cold: {watched.cold_because}")


def compare(timings: dict[tuple[str, str], list[Timing]]) -> list[Compared]:
    """First steps of each case, then the pace of the training."""
    rows = [
        Compared(
            case.title,
            {
                way: [t.first_step_s for t in timings[case.title, way]]
                for way in (BY_HAND, COLD, WARM)
            },
            case.goals,
        )
        for case in CASES
    ]
    paces = {
        way: [t.steps_per_second for t in timings[CASES[0].title, way]]
        for way in (COLD, BY_HAND, WARM)
    }
    goals = {WARM: 0.97}
    return [*rows, Compared("pace", paces, goals, "1/s", more_is_better=True)]
