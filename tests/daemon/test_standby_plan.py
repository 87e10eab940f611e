from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core.clock import now
from core.paths import RunPaths, Workspace
from core.run.phase import Phase
from core.run.status import Progress, RunStatus
from core.spec.run_spec import RunSpec
from core.spec.safety import OWN_PLUGIN
from daemon.decide import Waiting
from daemon.standby_plan import find_misfit, has_room, may_prepare, ranks_of, wanted_ranks
from daemon.start import Start, standby_environment, trainer_environment

BASE = {"PATH": "/bin", "HOME": "/home/ada"}


def waiting(gpus: int | tuple[int, ...] = 1) -> Waiting:
    status = RunStatus("20260101-000000-a", "a", now(), now())
    return Waiting(status, RunSpec("a", {}, gpus=gpus))


@pytest.mark.parametrize(
    ("queue", "gpus", "wanted"),
    [
        ([], 0, [1]),
        ([], 1, [1]),
        ([], 2, [1, 2]),
        ([waiting(2)], 2, [2, 1]),
        ([waiting((0, 1))], 2, [2, 1]),
        ([waiting(0), waiting(2)], 2, [2, 1]),
        ([waiting(2)], 0, [2, 1]),
        ([waiting(0)], 0, [1]),
    ],
)
def test_what_the_next_run_needs_is_wanted_most(
    queue: list[Waiting], gpus: int, wanted: list[int]
) -> None:
    assert wanted_ranks(queue, gpus, cores=4) == wanted


def test_a_run_has_no_more_ranks_than_the_machine_has_gpus_or_cores() -> None:
    assert ranks_of(waiting(4), gpus=2, cores=8) == 2
    assert ranks_of(waiting(4), gpus=0, cores=2) == 2
    assert ranks_of(waiting(0), gpus=0, cores=2) == 1


def test_each_rank_needs_its_share_of_memory_beside_what_is_spared() -> None:
    assert has_room(1, 3 * 1024)
    assert not has_room(1, 3 * 1024 - 1)
    assert not has_room(2, 3 * 1024)


def living(phase: Phase, gpus: tuple[int, ...] = (), eta_s: float | None = None) -> RunStatus:
    progress = Progress(eta_s=eta_s)
    return RunStatus("a", "a", now(), now(), phase=phase, gpus=gpus, progress=progress)


def test_a_standby_is_made_while_nothing_trains_or_on_gpus_alone() -> None:
    assert may_prepare([], is_waited_for=False)
    assert may_prepare([living(Phase.RUNNING, gpus=(0,))], is_waited_for=False)


def test_none_is_made_while_a_training_starts() -> None:
    live = [living(Phase.RUNNING, gpus=(0,)), living(Phase.STARTING, gpus=(1,))]
    assert not may_prepare(live, is_waited_for=True)


def test_beside_a_training_on_the_cpu_one_is_made_just_before_the_next_run() -> None:
    assert may_prepare([living(Phase.RUNNING, eta_s=20)], is_waited_for=True)
    assert not may_prepare([living(Phase.RUNNING, eta_s=20)], is_waited_for=False)
    assert not may_prepare([living(Phase.RUNNING, eta_s=600)], is_waited_for=True)
    assert not may_prepare([living(Phase.RUNNING)], is_waited_for=True)


def misfit(
    root: Path, gpus: tuple[str, ...] = (), born_gpus: tuple[str, ...] = (), **config: Any
) -> str:
    """Why a standby born with these GPUs does not fit the run with that config."""
    (root / "models" / "tiny").mkdir(parents=True)
    asked: Mapping[str, object] = {"base_model": "./models/tiny", **config}
    start = Start(RunPaths(root / "runs" / "a"), root, 1, asked, gpus)
    born = standby_environment(Workspace(root), "x", born_gpus, BASE)
    return find_misfit(born, start, trainer_environment(start, BASE))


def test_a_standby_fits_an_ordinary_run(tmp_path: Path) -> None:
    assert misfit(tmp_path, plugins=[OWN_PLUGIN]) == ""


def test_it_fits_whichever_gpu_the_run_gets(tmp_path: Path) -> None:
    assert misfit(tmp_path, ("GPU-b",), ("GPU-a",)) == ""


def test_plugins_that_come_with_axolotl_are_no_hindrance_and_others_are(tmp_path: Path) -> None:
    shipped = "axolotl.integrations.liger.LigerPlugin"
    assert misfit(tmp_path / "1", plugins=[shipped, OWN_PLUGIN]) == ""
    told = misfit(tmp_path / "2", plugins=[shipped, "mine.Plugin"])
    assert told == "its plugin mine.Plugin has to be imported first"


def test_a_run_on_the_cpu_of_a_machine_with_gpus_starts_cold(tmp_path: Path) -> None:
    assert misfit(tmp_path, (), ("GPU-a",)) == "it trains on the CPU of a machine with GPUs"


def test_a_run_that_needs_the_hub_is_warm_on_a_gpu_alone(tmp_path: Path) -> None:
    hub = {"base_model": "org/model"}
    told = misfit(tmp_path / "1", **hub)
    assert told == "on the CPU, libraries ask the Hub when they are imported"
    assert misfit(tmp_path / "2", ("GPU-a",), ("GPU-a",), **hub) == ""


def test_a_variable_that_libraries_read_at_their_import_is_named(tmp_path: Path) -> None:
    start = Start(RunPaths(tmp_path / "a"), tmp_path, 1, {"base_model": "./models"}, ())
    born = standby_environment(Workspace(tmp_path), "x", (), BASE)
    needed = trainer_environment(start, BASE | {"OMP_NUM_THREADS": "3"})
    assert find_misfit(born, start, needed) == "it needs another environment (OMP_NUM_THREADS)"
