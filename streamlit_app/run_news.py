"""What became of runs while the app runs: looked for once for all sessions, at little cost."""

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from core.clock import now
from core.notice.news import HELD_FOR_S, News, find_news
from core.run.phase import FINISHED
from core.run.store import Run
from streamlit_app.run_index import RunIndex

LOOK_EVERY_S = 2.0
OLD_AFTER = timedelta(seconds=300 + max(HELD_FOR_S.values()))
"""What moved longer ago than this is no news, though it is seen only now: it was imported, say."""

KEPT = 50


class RunNews:
    """The news since the app began. Threads may share it."""

    def __init__(self, index: RunIndex, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._index = index
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._is_first = True
        self._seen: dict[str, Run] = {}
        self._known: dict[str, str] = {}
        self._news: deque[tuple[int, News]] = deque(maxlen=KEPT)
        self._count = 0

    def since(self, number: int | None) -> tuple[list[News], int]:
        """The news after that number, the oldest first, and the number to ask with next time.

        None, for who asks for the first time, has missed nothing.
        """
        with self._lock:
            if self._monotonic() - self._looked_at >= LOOK_EVERY_S:
                self._looked_at = self._monotonic()
                self._look()
            if number is None:
                return [], self._count
            return [news for at, news in self._news if at > number], self._count

    def _look(self) -> None:
        runs = {run.run_id: run for run in self._index.runs()}
        for gone in self._seen.keys() - runs.keys():
            del self._seen[gone]
            self._known.pop(gone, None)
        at = now()
        for run_id, run in runs.items():
            # An ended run is news once; one that goes on may be held for too long.
            if run is not self._seen.get(run_id) or run.status.phase not in FINISHED:
                self._seen[run_id] = run
                self._take(run, at)
        self._is_first = False

    def _take(self, run: Run, at: datetime) -> None:
        """Keep what there is to tell of the run, once."""
        news = find_news(run.status, at)
        if news is None or self._known.get(run.run_id) == news.news_id:
            return
        self._known[run.run_id] = news.news_id
        if not self._is_first and at - news.at <= OLD_AFTER:
            self._count += 1
            self._news.append((self._count, news))
