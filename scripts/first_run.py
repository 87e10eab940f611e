"""The first minutes in a fresh workspace: a small model, and a training of it in the queue."""

from collections.abc import Callable
from pathlib import Path

from core.files import write_bytes
from core.paths import CODE_ROOT, Workspace
from scripts.child import Child

PRESET = "starter-full.yaml"
QUEUED_AS = "starter.yaml"


def is_fresh(workspace: Workspace) -> bool:
    """True when nothing was ever submitted here."""
    submitted = [*workspace.queue.glob("*.y*ml"), *workspace.rejected.rglob("*.y*ml")]
    return not submitted and not any(workspace.run_folders())


def submit_starter(workspace: Workspace) -> bool:
    """Put the starter's spec into the queue; False when there is no such preset."""
    preset = find_preset(workspace)
    if preset is None:
        return False
    workspace.queue.mkdir(parents=True, exist_ok=True)
    write_bytes(workspace.queue / QUEUED_AS, preset.read_bytes())
    return True


def find_preset(workspace: Workspace) -> Path | None:
    """The workspace's own preset, else the one that came with the code."""
    for presets in (workspace.presets, Workspace(CODE_ROOT).presets):
        if (presets / PRESET).is_file():
            return presets / PRESET
    return None


class Starter:
    """Makes the starter model beside the app's start, then submits its run."""

    def __init__(self, workspace: Workspace, make_model: Callable[[], Child]) -> None:
        self._workspace = workspace
        # Seen before anything starts: a person may submit a run while the model is being made.
        self._submits = is_fresh(workspace)
        self._child = None if (workspace.models / "starter").is_dir() else make_model()
        self.is_over = False

    @property
    def children(self) -> list[Child]:
        return [self._child] if self._child else []

    def advance(self) -> str | None:
        """What there is to say now; called again and again until `is_over`."""
        if self._child and self._child.exit_code is None:
            return None
        self.is_over = True
        if self._child and self._child.exit_code != 0:
            return (
                f"The starter model could not be made; {self._child.log} says why. All else works."
            )
        if self._submits and submit_starter(self._workspace):
            return "A first small training is in the queue. Watch it on the page."
        return None
