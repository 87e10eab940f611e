"""A run's status follows what its trainer writes."""

from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import now, to_text
from core.files import append_json_line
from core.lock import take_lock
from core.paths import RunPaths
from core.run.phase import Phase
from core.run.status import RunStatus
from core.spec.run_spec import RunSpec
from daemon import live_run
from daemon.live_run import LiveRun
from daemon.trainer_process import TrainerProcess


def test_the_time_left_counts_down_between_log_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, at = RunPaths(tmp_path / "20260101-000000-a"), now()
    paths.folder.mkdir()
    assert take_lock(paths.lock) is not None
    for step in (1, 2):
        row = {"at": to_text(at + timedelta(seconds=10 * step)), "attempt": 1, "step": step}
        append_json_line(paths.metrics, {**row, "total_steps": 100, "loss": 1.0})
    status = RunStatus("a", "a", at, at, phase=Phase.RUNNING, attempt=1)
    run = LiveRun(paths, status, RunSpec("a", {}), TrainerProcess(paths))

    monkeypatch.setattr(live_run, "now", lambda: at + timedelta(seconds=20))
    run.follow()
    assert run.status.progress.eta_s == 980
    monkeypatch.setattr(live_run, "now", lambda: at + timedelta(seconds=110))
    run.follow()
    assert run.status.progress.eta_s == 890
