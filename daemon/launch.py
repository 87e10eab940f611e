"""From a waiting run to a living one: its checkpoint, its Axolotl config, its trainer."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from core.clock import now
from core.errors import CheckpointError, TrainerUIError
from core.files import write_whole
from core.paths import Workspace
from core.run.checkpoint import Resume, find_resume
from core.run.phase import Phase, Stage
from core.run.status import RunStatus
from core.safe_yaml import dump_yaml
from core.spec.axolotl_config import Place, complete
from core.spec.prepared import ContentHasher, prepared_key
from daemon import records
from daemon.decide import Waiting
from daemon.live_run import LiveRun
from daemon.nvml import Gpu
from daemon.start import Start
from daemon.trainer_process import TrainerProcess


@dataclass(frozen=True)
class Launcher:
    """Starts trainings; `obtain` is where their processes come from."""

    workspace: Workspace
    hasher: ContentHasher
    obtain: Callable[[Start], TrainerProcess]

    def launch(self, chosen: Waiting, gpus: tuple[Gpu, ...], ranks: int) -> LiveRun:
        """Start the run, or let it go on, on the GPUs, or on the CPU when there are none.

        Raises CheckpointError when it has checkpoints and none of them can be resumed, OSError
        when a file of the run cannot be written or read, RecordError when it is being trained.
        """
        paths = self.workspace.run(chosen.run_id)
        resume = find_resume(paths.output)
        if chosen.status.resumable and resume.checkpoint is None:
            # Never from the beginning unless somebody says so, who then loses nothing unawares.
            raise CheckpointError(" ".join(resume.set_aside) or "They are gone.")
        place = self._place(chosen, resume, on_cpu=not gpus)
        config, changes = complete(chosen.spec.axolotl, place)
        write_whole(paths.axolotl_config, dump_yaml(config))
        status = begun(chosen.status, gpus, resume)
        told = [*resume.set_aside, *map(str, changes)]
        status = records.record_move(paths, status, Phase.STARTING, _reason(status, resume), told)
        status = records.record_stage(paths, status, Stage.SPAWN)
        uuids = tuple(gpu.uuid for gpu in gpus)
        start = Start(paths, self.workspace.root, status.attempt, config, uuids, ranks)
        return LiveRun(paths, status, chosen.spec, self._obtain(start, status))

    def _obtain(self, start: Start, status: RunStatus) -> TrainerProcess:
        try:
            return self.obtain(start)
        except (OSError, TrainerUIError) as error:
            status = replace(status, attempt_started_at=None)
            reason = f"could not be started yet: {error}"
            records.record_move(start.paths, status, Phase.QUEUED, reason)
            raise

    def _place(self, chosen: Waiting, resume: Resume, on_cpu: bool) -> Place:
        root = self.workspace.root
        prepared = self.workspace.prepared / prepared_key(chosen.spec.axolotl, root, self.hasher)
        checkpoint = resume.checkpoint
        return Place(
            output_dir=_relative(self.workspace.run(chosen.run_id).output, root),
            prepared_dir=_relative(prepared, root),
            on_cpu=on_cpu,
            resume_from=_relative(checkpoint, root) if checkpoint else None,
            shrinks=chosen.status.shrinks,
        )


def begun(status: RunStatus, gpus: tuple[Gpu, ...], resume: Resume) -> RunStatus:
    """The status of a run whose next attempt begins now."""
    at = now()
    return replace(
        status,
        position=0,
        gpus=tuple(gpu.index for gpu in gpus),
        attempt=status.attempt + 1,
        started_at=status.started_at or at,
        attempt_started_at=at,
        retry_at=None,
        failure=None,
        latest_checkpoint=resume.checkpoint.name if resume.checkpoint else "",
        resumable=resume.checkpoint is not None,
    )


def _reason(status: RunStatus, resume: Resume) -> str:
    where = f"on GPU {', '.join(map(str, status.gpus))}" if status.gpus else "on the CPU"
    if resume.checkpoint:
        return f"going on after step {resume.step:,}, {where}"
    if status.attempt > 1:
        return f"starting {where} from the beginning, as no checkpoint was saved"
    return f"starting {where}"


def _relative(path: Path, root: Path) -> str:
    """The path as Axolotl, started in the workspace, is told it."""
    return f"./{path.relative_to(root)}"
