"""Wakes the daemon's loop when something happens in the queue folder.

Polling is the truth: the loop lists the folder at every tick. Watching only makes it sooner, and
its known holes (watches lost when the folder is replaced, events dropped on overflow, none on
network file systems) cost a moment, never a run.
"""

import logging
import threading
from pathlib import Path

from watchdog.events import FileClosedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from daemon.queue_folder import QueueFolder

log = logging.getLogger(__name__)

WAKING = ("created", "moved", "closed", "deleted")
"""Events worth a turn of the loop; a file that is being written reports many others."""


class Watch(FileSystemEventHandler):
    """Watches one folder; `wait` returns early when something happened in it."""

    def __init__(self, queue: QueueFolder) -> None:
        self.queue = queue
        self.woken = threading.Event()
        self.observer: BaseObserver | None = None
        self.inode = 0

    def renew(self) -> None:
        """Watch the folder that is there now; a folder replaced by another gets a new watch."""
        inode = self.queue.folder.stat().st_ino
        if inode == self.inode:
            return
        self.stop()
        self.inode = inode
        observer = Observer()
        try:
            observer.schedule(self, str(self.queue.folder))
            observer.start()
        except OSError as error:
            log.warning("cannot watch %s (%s); looking at intervals", self.queue.folder, error)
            return
        self.observer = observer

    def wait(self, timeout_s: float) -> bool:
        """Return when something happened, or after the timeout; whether something did."""
        is_woken = self.woken.wait(timeout_s)
        self.woken.clear()
        return is_woken

    def wake(self) -> None:
        """Let the next `wait` return at once."""
        self.woken.set()

    def stop(self) -> None:
        """End the watch."""
        if self.observer:
            self.observer.stop()
            self.observer.join()
            self.observer = None

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Runs in the watcher's thread: only notes names and sets a flag, so it cannot fail."""
        if isinstance(event, FileMovedEvent):
            self.queue.note_renamed(Path(str(event.dest_path)).name)
        elif isinstance(event, FileClosedEvent):
            self.queue.note_closed(Path(str(event.src_path)).name)
        if event.event_type in WAKING:
            self.woken.set()
