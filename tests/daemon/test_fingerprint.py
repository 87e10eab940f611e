import os
from pathlib import Path

import pytest

from daemon.fingerprint import fingerprint
from daemon.memory import available_mib, used_mib


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "site-packages"
    (folder / "axolotl-0.19.0.dist-info").mkdir(parents=True)
    return folder


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "code" / "trainer").mkdir(parents=True)
    (tmp_path / "code" / "trainer" / "run.py").write_text("1")
    return tmp_path / "code"


def test_it_stays_while_nothing_changes(code: Path, packages: Path) -> None:
    assert fingerprint(code, packages) == fingerprint(code, packages)


def test_an_upgrade_of_a_package_changes_it(code: Path, packages: Path) -> None:
    before = fingerprint(code, packages)
    (packages / "axolotl-0.19.0.dist-info").rename(packages / "axolotl-0.20.0.dist-info")
    assert fingerprint(code, packages) != before


def test_the_same_version_installed_anew_changes_it(code: Path, packages: Path) -> None:
    before = fingerprint(code, packages)
    os.utime(packages / "axolotl-0.19.0.dist-info", (1, 1))
    assert fingerprint(code, packages) != before


def test_our_own_code_changes_it(code: Path, packages: Path) -> None:
    before = fingerprint(code, packages)
    (code / "trainer" / "new.py").write_text("2")
    assert fingerprint(code, packages) != before


def test_this_installation_has_one_with_axolotl_in_it() -> None:
    assert any("/axolotl-" in path for path, _ in fingerprint())


def test_what_is_available_is_read_from_the_kernel(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  4096000 kB\nMemAvailable:   2048000 kB\n")
    assert available_mib(meminfo, tmp_path) == 2000
    assert available_mib(tmp_path / "none", tmp_path) == 0


@pytest.mark.parametrize(("most", "left"), [("1048576000", 900), ("max", 2000), ("10", 0)])
def test_no_more_is_available_than_the_control_group_may_have(
    tmp_path: Path, most: str, left: int
) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemAvailable:   2048000 kB\n")
    (tmp_path / "memory.max").write_text(f"{most}\n")
    (tmp_path / "memory.current").write_text(f"{100 * 1024 * 1024}\n")
    assert available_mib(meminfo, tmp_path) == left


def test_the_memory_of_processes_is_counted_together_and_the_gone_count_nothing() -> None:
    assert used_mib([os.getpid(), 2**22 + 1]) > 1
    assert used_mib([]) == 0
