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
set_session_niceness(19)
before = Path("/proc/self/autogroup").read_text().split()[-1]
set_session_niceness(0)
print(before, Path("/proc/self/autogroup").read_text().split()[-1])
"""


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="the kernel shares nothing out by session")
@pytest.mark.parametrize(("is_own", "told"), [(True, "19 0"), (False, "0 0")])
def test_a_process_lets_its_own_session_yield_and_nobody_elses(is_own: bool, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", YIELD],
        env=os.environ | {"PYTHONPATH": str(CODE_ROOT)},
        start_new_session=is_own,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == told
