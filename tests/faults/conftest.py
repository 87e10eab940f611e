"""Every test of this folder plays on a scene of its own, and ends with all invariants checked."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from tests.faults.scene import Scene

HAS_PASSED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the fixture know whether the test itself has passed."""
    report = yield
    if report.when == "call":
        item.stash[HAS_PASSED] = report.passed
    return report


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the workspace lies."""
    return tmp_path


@pytest.fixture(autouse=True)
def scene(root: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """The scene; after a test that passed no invariant has been broken."""
    scene = Scene(root)
    try:
        yield scene
        if request.node.stash.get(HAS_PASSED, False):
            scene.check()
    finally:
        scene.close()


TOLD = pytest.StashKey[list[str]]()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[object], None]:
    """Tells a figure at the end of the whole session."""
    told = request.config.stash.setdefault(TOLD, [])
    return lambda figure: told.append(f"{request.node.name}: {figure}")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Tell the figures."""
    for line in config.stash.get(TOLD, []):
        terminalreporter.write_line(line)
