"""When a waiting run starts, in words that claim no more than is known. Pure."""

from collections.abc import Mapping, Sequence

from core.run.forecast import Forecast
from streamlit_app.display import DAY, HOUR, MINUTE, sentence, shorten

STEPS = ((HOUR, 5 * MINUTE), (6 * HOUR, 30 * MINUTE), (DAY, HOUR))
"""Up to so many seconds it is told in steps of so many; beyond in days."""

LONGEST_DAYS = 7


def round_soon(seconds: float, told_s: float | None = None) -> int:
    """The seconds as coarsely as they are told; stays with `told_s` as long as that is near."""
    step = next((step for up_to, step in STEPS if seconds < up_to), DAY)
    if told_s is not None and abs(seconds - told_s) < 0.75 * step:
        return round(told_s)
    return max(1, round(seconds / step)) * step


def soon_text(seconds: int) -> str:
    """`in a few minutes`, `in about 25 min`, `in about 1.5 h`, `in about 2 days`."""
    if seconds <= 5 * MINUTE:
        return "in a few minutes"
    if seconds < HOUR:
        return f"in about {seconds // MINUTE} min"
    if seconds < DAY:
        hours = f"{seconds / HOUR:g} h"
        return "in about an hour" if seconds == HOUR else f"in about {hours}"
    days = round(seconds / DAY)
    if days > LONGEST_DAYS:
        return "in more than a week"
    return "in about a day" if days == 1 else f"in about {days} days"


def start_text(told: Forecast, soon_s: int | None, names: Mapping[str, str]) -> str:
    """`Starts in about 25 min`, `Starts after capitals-lora ends`; empty without a claim.

    `soon_s` is the rounded time of a forecast that tells one, `names` are those of the runs.
    """
    if soon_s is not None:
        return f"Starts {soon_text(soon_s)}"
    if told.behind:
        return f"Its turn comes after {_name(told.behind, names)}"
    if not told.after:
        return ""
    runs = [_name(run_id, names) for run_id in told.after]
    if told.any_of:
        return sentence(f"starts as soon as {_list(runs, 'or')} ends")
    return f"Starts after {_list(runs, 'and')} {'ends' if len(runs) == 1 else 'end'}"


def _name(run_id: str, names: Mapping[str, str]) -> str:
    return shorten(names.get(run_id, run_id))


def _list(words: Sequence[str], last: str) -> str:
    *others, final = words
    return f"{', '.join(others)} {last} {final}" if others else final
