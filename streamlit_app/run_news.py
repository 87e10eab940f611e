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
SLICE = 40
"""So many ended runs are looked at each time, in turn: an ended run is hardly ever retried."""

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
        self._seen: dict[str, Run | None] = {}
        self._known: dict[str, str] = {}
        self._turn = 0
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
        run_ids = self._index.store.workspace.run_ids()
        for gone in self._seen.keys() - run_ids:
            del self._seen[gone]
            self._known.pop(gone, None)
        at = now()
        for run_id in self._due(run_ids):
            before, run = self._seen.get(run_id), self._index.find(run_id)
            self._seen[run_id] = run
            if run is not None and (run is not before or not _has_ended(run)):
                self._take(run, at)
        self._is_first = False

    def _due(self, run_ids: list[str]) -> list[str]:
        """Every run that may still move, and as many of the others as it is the turn of."""
        ended = [run_id for run_id in run_ids if _has_ended(self._seen.get(run_id))]
        still_open = [run_id for run_id in run_ids if not _has_ended(self._seen.get(run_id))]
        start = self._turn if self._turn < len(ended) else 0
        self._turn = start + SLICE
        return [*still_open, *ended[start : self._turn]]

    def _take(self, run: Run, at: datetime) -> None:
        """Keep what there is to tell of the run, once."""
        news = find_news(run.status, at)
        if news is None or self._known.get(run.run_id) == news.news_id:
            return
        self._known[run.run_id] = news.news_id
        if not self._is_first and at - news.at <= OLD_AFTER:
            self._count += 1
            self._news.append((self._count, news))


def _has_ended(run: Run | None) -> bool:
    return run is not None and run.status.phase in FINISHED
