"""The starter, built once for all that train it."""

from pathlib import Path

import pytest

from tests.real import build_starter


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the starter model and its dataset, to be copied from."""
    root = tmp_path_factory.mktemp("starter")
    build_starter(root)
    return root
