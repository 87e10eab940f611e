"""From a waiting run to a living one: its Axolotl config, its status, its trainer."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.clock import now
from core.files import write_whole
from core.paths import RunPaths, Workspace
from core.run.phase import Phase, Stage
from core.safe_yaml import dump_yaml
from core.spec.axolotl_config import Change, Place, complete
from core.spec.prepared import ContentHasher, prepared_key
from core.spec.run_spec import RunSpec
from daemon import records
from daemon.decide import Waiting
from daemon.live_run import LiveRun
from daemon.nvml import Gpu
from daemon.trainer_process import Start, TrainerProcess


def launch(
    workspace: Workspace,
    chosen: Waiting,
    gpus: tuple[Gpu, ...],
    hasher: ContentHasher,
    obtain: Callable[[Start], TrainerProcess],
) -> LiveRun:
    """Start the run on the GPUs, or on the CPU when there are none.

    Raises OSError when a file of the run cannot be written or read.
    """
    paths = workspace.run(chosen.status.run_id)
    config, changes = write_config(workspace, paths, chosen.spec, hasher, on_cpu=not gpus)
    status = replace(
        chosen.status,
        position=0,
        gpus=tuple(gpu.index for gpu in gpus),
        attempt=chosen.status.attempt + 1,
        started_at=chosen.status.started_at or now(),
    )
    where = f"on GPU {', '.join(map(str, status.gpus))}" if gpus else "on the CPU"
    status = records.record_move(
        paths, status, Phase.STARTING, f"starting {where}", [str(change) for change in changes]
    )
    status = records.record_stage(paths, status, Stage.SPAWN)
    uuids = tuple(gpu.uuid for gpu in gpus)
    trainer = obtain(Start(paths, workspace.root, status.attempt, config, uuids))
    return LiveRun(paths, status, trainer)


def write_config(
    workspace: Workspace, paths: RunPaths, spec: RunSpec, hasher: ContentHasher, on_cpu: bool
) -> tuple[dict[str, object], list[Change]]:
    """Write the run's `axolotl.yaml`; its content, and what was changed to get there."""
    root = workspace.root
    prepared = workspace.prepared / prepared_key(spec.axolotl, root, hasher)
    config, changes = complete(
        spec.axolotl,
        Place(
            output_dir=_relative(paths.output, root),
            prepared_dir=_relative(prepared, root),
            on_cpu=on_cpu,
        ),
    )
    write_whole(paths.axolotl_config, dump_yaml(config))
    return config, changes


def _relative(path: Path, root: Path) -> str:
    """The path as Axolotl, started in the workspace, is told it."""
    return f"./{path.relative_to(root)}"
