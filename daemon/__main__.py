"""`python -P -m daemon`: supervise the workspace; with a command, look after its trainings."""

import sys
from collections.abc import Sequence


def main(words: Sequence[str]) -> int:
    """The exit code. Either side is loaded only when it is wanted: a command should be quick."""
    if words:
        from daemon.shell.main import main as shell

        return shell(words)
    from daemon.service import supervise

    return supervise()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
