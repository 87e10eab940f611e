"""Follows how an attempt comes to its first step."""

import threading
from datetime import datetime
from typing import Any

from core.files import parse_json_lines, read_complete_lines
from core.paths import RunPaths
from streamlit_app import timeline
from streamlit_app.start import End, Start, find_start


class StartReader:
    """The start of one attempt; reads only what is new, and nothing once the training began."""

    def __init__(self, paths: RunPaths, attempt: int) -> None:
        self.paths = paths
        self.attempt = attempt
        self._entries: list[dict[str, Any]] = []
        self._offset = 0
        self._over: Start | None = None
        self._lock = threading.Lock()

    def look(self, now: datetime) -> Start | None:
        """The start as far as it has come; None when it has not begun."""
        with self._lock:
            return self._over or self._look(now)

    def _look(self, now: datetime) -> Start | None:
        self._take_in()
        events = timeline.events(timeline.read_records(self.paths.events))
        start = find_start(events, self._entries, self.attempt, now)
        if start and start.end in (End.FIRST_STEP, End.TRAINING):
            self._over = start
        return start

    def _take_in(self) -> None:
        before = -1
        while self._offset > before:
            before = self._offset
            lines, self._offset = read_complete_lines(self.paths.journal, before)
            entries = parse_json_lines(lines)
            self._entries += [e for e in entries if e.get("attempt") == self.attempt]
