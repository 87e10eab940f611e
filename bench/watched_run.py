"""A training that somebody watches: it logs a step each second, and learns nothing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from bench.furnished import make_workspace, spec_text
from bench.long_run import write_metrics
from core.clock import now, to_text
from core.files import append_json_line, save_json
from core.gpu import GpuSnapshot, to_row
from core.paths import RunPaths, Workspace
from core.run.phase import Phase
from core.run.status import Progress, RunStatus, to_record

STEPS = 2_000_000
CARD = "NVIDIA GeForce RTX 3060"


class WatchedRun:
    """The files of a run that goes on, and the daemon's heartbeat beside it."""

    def __init__(self, workspace: Workspace, rows: int) -> None:
        self.workspace = workspace
        self.step = rows
        self.begin = begin = now() - timedelta(seconds=rows)
        self.paths = workspace.run(f"{now():%Y%m%d-%H%M%S}-watched")
        self.paths.output.mkdir(parents=True)
        self.paths.spec.write_text(spec_text("watched"))
        self.paths.log.write_text("a line of the log, as long as such lines are\n" * 500)
        self.status = RunStatus(
            run_id=self.paths.run_id,
            name="watched",
            submitted_at=begin,
            since=begin,
            phase=Phase.RUNNING,
            stage="training",
            attempt=1,
            started_at=begin,
            attempt_started_at=begin,
            gpus=(0,),
        )
        for phase in (Phase.STARTING, Phase.RUNNING):
            event = {"at": to_text(begin), "phase": phase, "reason": "", "attempt": 1, "gpus": [0]}
            append_json_line(self.paths.events, event)
        write_metrics(self.paths.metrics, rows, begin=begin)
        self.go_on()

    def go_on(self) -> None:
        """One step more, and what daemon and trainer write in a second."""
        self.step += 1
        write_metrics(self.paths.metrics, 1, first=self.step, begin=self.begin)
        progress = Progress(self.step, STEPS, self.step / 10_000, self.step * 4096, 3600.0)
        save_json(self.paths.status, to_record(replace(self.status, progress=progress)))
        with self.paths.log.open("a") as log:
            log.write(f"step {self.step}\n")
        save_json(self.workspace.heartbeat, {"beat_at": to_text(now()), "gpus": [], "troubles": []})
        day = self.workspace.gpu_day(now().date())
        day.parent.mkdir(exist_ok=True)
        with day.open("a") as file:
            file.write(to_row(reading()) + "\n")

    @contextmanager
    def going_on(self) -> Iterator[RunPaths]:
        """The run goes on by a step each second."""
        ended = threading.Event()

        def work() -> None:
            while not ended.wait(1):
                self.go_on()

        worker = threading.Thread(target=work)
        worker.start()
        try:
            yield self.paths
        finally:
            ended.set()
            worker.join()


def reading() -> GpuSnapshot:
    """What a card tells while it trains."""
    return GpuSnapshot(
        at=now(),
        index=0,
        uuid="GPU-0",
        name=CARD,
        memory_used_mib=11_520,
        memory_total_mib=12_288,
        utilization_pct=97,
        temperature_c=71,
        fan_pct=62,
        power_w=168.5,
        power_limit_w=170.0,
        sm_clock_mhz=1_807,
        throttle="",
    )


def make_watched(folder: Workspace, rows: int, runs: int) -> WatchedRun:
    """A workspace with finished runs, and one that goes on."""
    return WatchedRun(make_workspace(folder.root, runs), rows)
