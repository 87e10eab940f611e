"""What the records of a workspace tell of when its waiting runs start."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.clock import now
from core.heartbeat import find_daemon
from core.paths import RunPaths
from core.run.forecast import Forecast
from core.run.phase import LIVE, Phase
from core.run.store import Store
from core.settings import Hours, Settings
from streamlit_app.queue_forecast import look_ahead
from streamlit_app.run_index import RunIndex
from tests.app.furnished import SPEC, Furnished, progress


def told(place: Furnished, settings: Settings | None = None) -> dict[str, Forecast]:
    """The forecast by the names of the runs."""
    index = RunIndex(Store(place.workspace))
    moving, ended = index.glance()
    waiting = [run for run in moving if run.status.phase is Phase.QUEUED]
    waiting.sort(key=lambda run: run.status.position)
    live = [run for run in moving if run.status.phase in LIVE]
    seen = find_daemon(place.workspace.heartbeat)
    assert seen
    found = look_ahead(index, ended, waiting, live, seen, settings or Settings(), now())
    return {run.status.name: found[run.run_id] for run in waiting}


def beat(place: Furnished, *used_mib: int) -> None:
    """The daemon lives, and sees a GPU for each amount of memory in use."""
    gpus = [{"index": at, "memory_used_mib": used} for at, used in enumerate(used_mib)]
    place.beat(age_s=-4, gpus=gpus)


def spec(paths: RunPaths, more: str) -> None:
    paths.spec.write_text(SPEC.format(name="x") + more)


def completed(place: Furnished, epochs: float, **changes: Any) -> None:
    """A run that took 125 seconds."""
    done = replace(progress(100), epoch=epochs)
    spec(place.add_run("done", Phase.COMPLETED, 900, progress=done, **changes), "num_epochs: 2\n")


def test_a_run_like_one_that_ended_is_told_to_take_as_long_per_epoch(place: Furnished) -> None:
    beat(place)
    completed(place, epochs=2)
    place.add_run("live", Phase.RUNNING, progress=progress(1, eta_s=1000))
    spec(place.add_run("long", Phase.QUEUED, 2, position=1), "num_epochs: 8\n")
    place.add_run("last", Phase.QUEUED, 1, position=2)
    assert [one.starts_in_s for one in told(place).values()] == [1000, 1500]


def test_of_a_run_that_goes_on_only_the_rest_counts(place: Furnished) -> None:
    beat(place)
    completed(place, epochs=2)
    half = {"progress": progress(500), "resumable": True, "attempt": 1}
    spec(place.add_run("half", Phase.QUEUED, 2, position=1, **half), "num_epochs: 2\n")
    place.add_run("last", Phase.QUEUED, 1, position=2)
    assert told(place)["last"].starts_in_s == pytest.approx(62.5)


def test_a_run_without_a_time_of_its_own_is_judged_by_one_like_it(place: Furnished) -> None:
    beat(place, 0)
    completed(place, epochs=2, gpus=(0,))
    live = place.add_run("live", Phase.STARTING, 0.5, gpus=(0,))
    spec(live, "num_epochs: 2\n")
    place.add_run("next", Phase.QUEUED, 0.1, position=1)
    assert told(place)["next"].starts_in_s == pytest.approx(95, abs=5)


def test_one_that_trained_on_a_gpu_says_nothing_of_the_cpu(place: Furnished) -> None:
    beat(place)
    completed(place, epochs=2, gpus=(0,))
    spec(place.add_run("first", Phase.QUEUED, 2, position=1), "num_epochs: 2\n")
    place.add_run("second", Phase.QUEUED, 1, position=2)
    assert told(place)["second"].after != ()
    assert told(place)["second"].starts_in_s is None


def test_of_a_run_whose_spec_cannot_be_read_nothing_is_claimed(place: Furnished) -> None:
    beat(place)
    place.add_run("broken", Phase.QUEUED, 1, position=1).spec.write_text("a: [")
    place.add_run("odd", Phase.QUEUED, 0.5, position=2).spec.write_text("adapter: [1]\n")
    assert told(place) == {"broken": Forecast(), "odd": Forecast()}


def test_of_a_gpu_that_others_use_and_of_the_night_nothing_is_claimed(place: Furnished) -> None:
    place.add_run("live", Phase.RUNNING, gpus=(0,), progress=progress(1, eta_s=600))
    place.add_run("next", Phase.QUEUED, 1, position=1)
    beat(place, 9000, 9000)
    assert told(place)["next"] == Forecast(600, (0,))
    spec(place.add_run("two", Phase.QUEUED, 0.5, position=2), "")
    place.add_run("large", Phase.QUEUED, 0.2, position=3).spec.write_text(
        SPEC.format(name="x").replace("run:\n", "run:\n  gpus: 2\n")
    )
    assert told(place)["large"] == Forecast()
    later = now().astimezone() + timedelta(hours=2)
    hours = Hours(later.time(), (later + timedelta(hours=1)).time())
    assert told(place, Settings(training_hours=hours))["next"] == Forecast()


def test_a_run_that_waits_before_its_next_try_is_not_told_to_start_sooner(
    place: Furnished,
) -> None:
    beat(place)
    place.add_run("unlucky", Phase.QUEUED, position=1, retry_at=now() + timedelta(seconds=300))
    assert told(place)["unlucky"].starts_in_s == pytest.approx(300, abs=5)
