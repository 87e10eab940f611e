"""What every test takes for granted: no network, and libraries that do not look for it."""

import os

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("AXOLOTL_DO_NOT_TRACK", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--alone", action="store_true", help="only tests that are marked `alone`")
    parser.addoption("--together", action="store_true", help="only tests that are not")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for option, wanted in (("--alone", True), ("--together", False)):
        if config.getoption(option):
            kept = [item for item in items if bool(item.get_closest_marker("alone")) is wanted]
            config.hook.pytest_deselected(items=[item for item in items if item not in kept])
            items[:] = kept
