"""What the daemon wishes of a training, brought by signals.

`SIGUSR1`: save a checkpoint and stop. `SIGUSR2`: save a checkpoint and go on. The handlers are
installed before the long imports, since an unhandled SIGUSR1 would kill the process.
"""

import signal
from types import FrameType


class Wishes:
    """Flags that signal handlers set and the training's callback reads between two steps."""

    stop: bool = False
    checkpoint: bool = False

    def listen(self) -> None:
        """Install the signal handlers. Main thread only."""
        signal.signal(signal.SIGUSR1, self._on_stop)
        signal.signal(signal.SIGUSR2, self._on_checkpoint)

    def take_checkpoint(self) -> bool:
        """Whether a checkpoint is wished; the wish is granted by this."""
        wished = self.checkpoint
        if wished:  # else one that comes just now would be wiped out
            self.checkpoint = False
        return wished

    def _on_stop(self, signum: int, frame: FrameType | None) -> None:
        self.stop = True

    def _on_checkpoint(self, signum: int, frame: FrameType | None) -> None:
        self.checkpoint = True


WISHES = Wishes()
"""One process trains one run, so there is one set of wishes."""
