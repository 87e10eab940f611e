"""The energy of a run as its page tells it."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.clock import now, to_text
from core.files import append_json_line
from core.paths import RunPaths
from core.run.phase import Phase
from core.run.store import Run
from streamlit_app import run_energy, session
from tests.app.furnished import Furnished
from tests.app.test_gpus_page import CARD, sample


def add_run(place: Furnished, phase: Phase, begin: datetime, end: datetime | None) -> RunPaths:
    """A run on GPU 0 that trained from the one moment to the other."""
    paths = place.add_run("run", phase, gpus=(0,), ended_at=end)
    paths.events.unlink()
    event(paths, begin, "starting")
    if end:
        event(paths, end, "completed")
    return paths


def event(paths: RunPaths, at: datetime, phase: str) -> None:
    append_json_line(paths.events, {"at": to_text(at), "phase": phase, "attempt": 1})


def text(paths: RunPaths) -> str:
    run = session.store().find_run(paths.run_id)
    assert isinstance(run, Run)
    return run_energy.text(run)


def settings(root: Path, content: str) -> None:
    (root / "configs").mkdir()
    (root / "configs" / "settings.yaml").write_text(content)


def test_a_finished_run_tells_its_energy_and_its_cost(place: Furnished, tmp_path: Path) -> None:
    settings(tmp_path, "price_per_kwh: 2\ncurrency: CHF\n")
    end = now() - timedelta(minutes=5)
    sample(place, replace(CARD, power_w=360.0), seconds=700, end=end + timedelta(seconds=9))
    paths = add_run(place, Phase.COMPLETED, end - timedelta(seconds=600), end)
    assert text(paths) == "0.060 kWh · 0.12 CHF"
    # What is known of a finished run is not read again.
    for path in place.workspace.gpu.iterdir():
        path.unlink()
    assert text(paths) == "0.060 kWh · 0.12 CHF"


def test_the_energy_of_a_living_run_grows(place: Furnished) -> None:
    at, card = now(), replace(CARD, power_w=3600.0)
    sample(place, card, seconds=150, end=at - timedelta(seconds=50))
    paths = add_run(place, Phase.RUNNING, at - timedelta(seconds=100), None)
    assert text(paths) == "0.050 kWh"
    # From 50 s to 39 s ago is too long a gap to be counted.
    sample(place, card, seconds=39, end=at)
    assert text(paths) == "0.089 kWh"


@pytest.mark.parametrize("gpus", [(), (0,)])
def test_without_a_reading_of_power_there_is_no_energy(
    place: Furnished, gpus: tuple[int, ...]
) -> None:
    sample(place, replace(CARD, power_w=None))
    paths = add_run(place, Phase.RUNNING, now() - timedelta(seconds=60), None)
    place.change(paths, gpus=gpus)
    assert text(paths) == ""


def test_a_run_that_waits_has_used_none(place: Furnished) -> None:
    assert text(place.add_run("waits", Phase.QUEUED)) == ""
