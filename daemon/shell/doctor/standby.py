"""Whether a trainer stands by for the next run."""

from collections.abc import Iterator

from core.heartbeat import SeenStandby
from daemon.shell.doctor.finding import Finding, ok, warning
from daemon.shell.terminal import one_line

SAID = {
    "ready": "Standby: ready, the next run starts in about a second",
    "preparing": "Standby: getting ready",
    "none": "Standby: none at the moment",
    "off": "Standby: switched off (`warm_standby`), so that each run loads its libraries first",
}

SWITCH_OFF = "`warm_standby: false` in configs/settings.yaml does without one."

ADVICE = {
    "GiB of memory": "End what takes the memory; the standby is then made by itself.",
    "door": "Let the daemon's user write in runs/.standby, and restart the daemon.",
    "the standby ended": "See runs/.standby/standby.log.",
}
"""What to do, by what the reason says."""

DEFAULT_ADVICE = "See the daemon's log and runs/.standby/standby.log."


def check_standby(standby: SeenStandby | None) -> Iterator[Finding]:
    """Whether there is one or will be; nothing where no daemon tells."""
    if standby is None or standby.state not in SAID:
        return
    if standby.state == "none" and standby.reason:
        yield warning(
            f"Standby: none ({one_line(standby.reason)}). Runs train all the same, but each loads "
            "its libraries first, which takes some ten seconds",
            f"{_advice(standby.reason)} {SWITCH_OFF}",
        )
    else:
        yield ok(SAID[standby.state])


def _advice(reason: str) -> str:
    found = (advice for words, advice in ADVICE.items() if words in reason)
    return next(found, DEFAULT_ADVICE)
