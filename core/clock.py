"""Times as they stand in files: UTC, ISO 8601, ending in `Z`."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def to_text(at: datetime) -> str:
    """`2026-11-22T13:05:09.123Z`: sortable as text, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The moment written in `text`. Raises ValueError when it is no ISO 8601 time."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def from_unix(moment_s: float) -> datetime:
    """The moment that many seconds after 1970 began, in UTC."""
    return datetime.fromtimestamp(moment_s, UTC)


def now_text() -> str:
    """The present moment as it stands in files."""
    return to_text(now())
