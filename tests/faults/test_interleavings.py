"""Whatever people ask, and whatever dies, in whatever order: the invariants hold.

A longer search than in the daily tests: FAULT_EXAMPLES=500 (and FAULT_STEPS=40).
"""

import contextlib
import os
import signal
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import Phase as Search
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.run.phase import Verb
from core.run.store import Run
from tests.faults.scene import Scene
from tests.supervision import living, the_run

TURNS = 4
BEHAVIOURS = (
    "steps-3",
    "steps-30 pace-10 save-5",
    "hang save-3",
    "steps-8 save-2 kill-5",
    "steps-8 save-2 torn-4",
    "steps-20 pace-10 eval-4",
    "poison-2",
    "fail",
    "slow-200",
    "hang deaf orphan",
)


class Interleavings(RuleBasedStateMachine):
    """One rule for each thing that people or mishaps do, with a few turns of the daemon between."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="faults-")
        self.scene = Scene(Path(self.folder.name))
        self.names: list[str] = []

    def teardown(self) -> None:
        try:
            self.scene.check()
        finally:
            self.scene.close()
            self.folder.cleanup()

    @rule(behaviour=st.sampled_from(BEHAVIOURS), priority=st.integers(-1, 1))
    def drop(self, behaviour: str, priority: int) -> None:
        name = f"run-{len(self.names)}"
        self.names.append(name)
        self.scene.drop(name, behaviour, priority=priority)
        self.turn()

    @precondition(lambda self: self.names)
    @rule(verb=st.sampled_from(sorted(Verb)), which=st.integers(0, 9), place=st.integers(1, 3))
    def ask(self, verb: Verb, which: int, place: int) -> None:
        run = self.run(which)
        if run:
            self.scene.store.request(run.run_id, verb, to=place)
        self.turn()

    @precondition(lambda self: self.names)
    @rule(which=st.integers(0, 9))
    def kill_something(self, which: int) -> None:
        run = self.run(which)
        for pid in living(run.paths)[:1] if run else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.turn()

    @rule()
    def crash_daemon(self) -> None:
        self.scene.forget_daemon()

    @rule(turns=st.integers(1, 30))
    def turn(self, turns: int = TURNS) -> None:
        for _ in range(turns):
            self.scene.supervisor.tick()
            self.scene.supervisor.watch.wait(0.01)

    @invariant()
    def no_step_of_the_daemon_fails(self) -> None:
        assert not self.scene.supervisor.troubles

    def run(self, which: int) -> Run | None:
        """One of the runs, if the daemon has taken it."""
        return the_run(self.scene.workspace, self.names[which % len(self.names)])


def test_no_order_of_wishes_and_mishaps_breaks_what_always_holds() -> None:
    run_state_machine_as_test(
        Interleavings,
        settings=settings(
            max_examples=int(os.environ.get("FAULT_EXAMPLES", "12")),
            stateful_step_count=int(os.environ.get("FAULT_STEPS", "15")),
            deadline=None,
            # What other processes do between two steps is never twice the same.
            phases=[Search.generate],
            suppress_health_check=list(HealthCheck),
            derandomize="FAULT_EXAMPLES" not in os.environ,
            database=None,
        ),
    )
