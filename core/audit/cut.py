"""What is left of the rows under a length limit."""

from bisect import bisect_right
from dataclasses import dataclass

from core.audit.plan import Plan
from core.audit.result import Audit, Bar

PAIRED = ("dpo", "ipo", "orpo", "simpo")
"""Ways of training where each row has two answers behind its prompt."""


@dataclass(frozen=True)
class Kept:
    """Of the audited rows, what passes; `unlearning` rows pass with nothing to learn."""

    rows: int = 0
    cut: int = 0
    tokens: int = 0
    trained: int = 0
    unlearning: int = 0
    is_about: bool = False


def keep(audit: Audit, plan: Plan) -> Kept:
    """What Axolotl keeps of the audited rows by their length alone."""
    if plan.strategy == "truncate":
        return _truncate_answers(audit, plan) if audit.rl else _truncate(audit, plan)
    least = 0 if audit.rl else plan.min_sample_len
    bars = [bar for bar in audit.histogram if least <= bar.length <= plan.sequence_len]
    return Kept(
        rows=sum(bar.rows for bar in bars),
        tokens=sum(bar.tokens for bar in bars),
        trained=sum(bar.trained for bar in bars),
        unlearning=sum(bar.unlearning for bar in bars),
    )


def _truncate(audit: Audit, plan: Plan) -> Kept:
    """Rows that are too long lose their end, and perhaps all that was to be learned."""
    limit = plan.sequence_len
    bars = [bar for bar in audit.histogram if bar.length >= plan.min_sample_len]
    short = [bar for bar in audit.histogram if bar.length < plan.min_sample_len]
    trained, is_about = trained_until(audit, limit)
    return Kept(
        rows=sum(bar.rows for bar in bars),
        cut=sum(bar.rows for bar in bars if bar.length > limit),
        tokens=sum(bar.rows * min(bar.length, limit) for bar in bars),
        trained=trained - sum(bar.trained for bar in short),
        unlearning=sum(bar.unlearning for bar in bars) + _begins_behind(audit, limit),
        is_about=is_about,
    )


def _truncate_answers(audit: Audit, plan: Plan) -> Kept:
    """Answers lose their end; a row whose prompt alone is too long is left out."""
    limit = plan.sequence_len
    rows = audit.sequences - _begins_behind(audit, limit)
    trained, _ = trained_until(audit, limit)
    long = [bar for bar in audit.histogram if bar.length > limit]
    return Kept(
        rows=rows,
        cut=sum(bar.rows for bar in long) - (audit.sequences - rows),
        tokens=sum(_tokens_up_to(bar, limit, audit.rl) for bar in audit.histogram),
        trained=trained,
        is_about=bool(long),
    )


def _tokens_up_to(bar: Bar, limit: int, rl: str) -> int:
    texts = 2 if rl in PAIRED else 1
    return bar.tokens if bar.length <= limit else min(bar.tokens, bar.rows * texts * limit)


def trained_until(audit: Audit, position: int) -> tuple[int, bool]:
    """How many learned tokens stand before the position; and whether that is only about right.

    Positions in between those that were counted are estimated.
    """
    points = audit.trained_until
    at = bisect_right(points, position, key=lambda point: point[0]) - 1
    if at < 0:
        return 0, False
    (begin, before), is_last = points[at], at + 1 == len(points)
    if is_last or begin == position:
        return before, False
    end, after = points[at + 1]
    return before + round((after - before) * (position - begin) / (end - begin)), True


def _begins_behind(audit: Audit, limit: int) -> int:
    """In how many rows that have something to learn all of it stands behind the limit."""
    return sum(rows for position, rows in audit.first_trained if position >= limit)
