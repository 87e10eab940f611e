"""Notices that a run ended or needs help, written down as requests, once for each address."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from core.clock import now
from core.errors import RecordError
from core.files import load_json, parse_json_lines, read_tail
from core.notice.news import News, find_news, kinds_of
from core.notice.request import ask_news
from core.numbers import is_number
from core.paths import RunPaths
from core.run.status import RunStatus, from_record
from daemon.fresh_settings import FreshSettings
from daemon.roster import Roster

CATCH_UP_S = 10.0
"""So much before its last heartbeat an earlier daemon may have left something untold."""


class Telling:
    """Looks at what moved, and asks for the notices that people want."""

    def __init__(self, roster: Roster, settings: FreshSettings) -> None:
        self._roster = roster
        self._settings = settings
        self._told: set[str] = set()
        """Held runs of which everybody was told, by their news."""

    def catch_up(self, last_beat_at: datetime | None) -> None:
        """Take up what moved while no daemon ran, or in its last moment.

        Without an earlier heartbeat there is nothing that anybody could still wait to hear.
        """
        if last_beat_at is None:
            return
        since = last_beat_at - timedelta(seconds=CATCH_UP_S)
        known = {status.run_id for status in self._roster.ended}
        for paths in self._roster.workspace.run_folders():
            if paths.run_id not in known and _changed_since(paths, since):
                status = _read(paths)
                if status is not None and status.since >= since and kinds_of(status, now()):
                    self._roster.ended.append(status)

    def tick(self) -> None:
        """One turn. What cannot be written down is tried again at the next."""
        settings, at = self._settings.look(), now()
        held = [run.status for run in self._roster.paused.values() if run.status.held_by]
        found = {news.news_id: news for news in self._find([*self._roster.ended, *held], at)}
        for news_id, news in found.items():
            if news_id not in self._told and set(news.kinds) & set(settings.notify_on):
                ask_news(self._roster.workspace, news, settings.notify)
        self._told = set(found)
        self._roster.ended.clear()

    def _find(self, statuses: Iterable[RunStatus], at: datetime) -> list[News]:
        """What there is to tell of them; a loss is looked for only where something is."""
        told = []
        for status in statuses:
            if kinds_of(status, at):
                loss = newest_loss(self._roster.workspace.run(status.run_id))
                told.append(find_news(status, at, loss))
        return [news for news in told if news is not None]


def newest_loss(paths: RunPaths) -> float | None:
    """The loss in the last line that has one; None when none is near the end."""
    try:
        lines = read_tail(paths.metrics, 16 * 1024).splitlines()
    except OSError:
        return None
    for row in reversed(parse_json_lines(line for line in lines if '"loss"' in line)):
        if is_number(row.get("loss")):
            return float(row["loss"])
    return None


def _changed_since(paths: RunPaths, since: datetime) -> bool:
    try:
        return paths.status.stat().st_mtime >= since.timestamp()
    except OSError:
        return False


def _read(paths: RunPaths) -> RunStatus | None:
    try:
        return from_record(load_json(paths.status))
    except (OSError, RecordError):
        return None
