import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.paths import CODE_ROOT

AUTOGROUP = Path("/proc/self/autogroup")
YIELD = """
from pathlib import Path
from core.process import set_session_niceness
for niceness in (19, 0):
    set_session_niceness(niceness)
    print(Path("/proc/self/autogroup").read_text().split()[-1:])
"""


def autogroups_seen(is_own: bool) -> list[str]:
    """What the kernel tells after a process let its session yield, and after it took that back."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", YIELD],
        env=os.environ | {"PYTHONPATH": str(CODE_ROOT)},
        start_new_session=is_own,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="the kernel shares nothing out by session")
def test_a_process_lets_its_own_session_yield_and_takes_it_back() -> None:
    assert autogroups_seen(is_own=True) == ["['19']", "['0']"]


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="the kernel shares nothing out by session")
def test_a_process_leaves_somebody_elses_session_alone() -> None:
    before = str(AUTOGROUP.read_text().split()[-1:])  # nothing for a session the kernel rules out
    assert autogroups_seen(is_own=False) == [before, before]
