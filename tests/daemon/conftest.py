"""A small workspace, and the door to it."""

from pathlib import Path

import pytest

from core.paths import Workspace
from core.run.store import Store
from tests.supervision import make_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path)


@pytest.fixture
def store(workspace: Workspace) -> Store:
    return Store(workspace)
