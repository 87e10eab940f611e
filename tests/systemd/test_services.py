"""The services in a real systemd. What holds and what does not, `run.sh` beside this file says."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("run.sh")
CANNOT_RUN = 77


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_services_hold_what_they_promise_in_a_real_systemd() -> None:
    with subprocess.Popen(
        [SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as script:
        try:
            said, _ = script.communicate()
        finally:
            # Asked, not killed: it takes the box down first.
            script.terminate()
    if script.returncode == CANNOT_RUN:
        pytest.skip(said.strip())
    assert script.returncode == 0, said
