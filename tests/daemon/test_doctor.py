"""What the doctor says of a machine and a workspace in which something is wrong."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath

import pynvml
import pytest

from core.heartbeat import Heartbeat, SeenStandby
from core.lock import take_lock
from core.paths import CODE_ROOT, Workspace
from core.run.phase import Phase
from core.run.status import RunStatus
from core.version import VERSION
from daemon import records
from daemon.shell.doctor import gpu, machine
from daemon.shell.doctor import workspace as room
from daemon.shell.doctor.finding import Finding, Level, ok
from daemon.shell.doctor.records import check_records, check_run, count_unfinished
from daemon.shell.doctor.report import run_checks
from daemon.shell.doctor.services import UNITS, check_services, check_unit
from daemon.shell.doctor.standby import check_standby
from daemon.shell.liveness import Daemon
from tests.fake_gpu import build_fake_nvml
from tests.real import environment
from tests.supervision import make_workspace, spec_text

AT = datetime(2026, 1, 1, tzinfo=UTC)
OK, WARNING, PROBLEM = Level.OK, Level.WARNING, Level.PROBLEM


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path)


def worst(findings: list[Finding]) -> Level:
    return max((finding.level for finding in findings), key=list(Level).index)


def put(workspace: Workspace, run_id: str, phase: Phase) -> Path:
    paths = workspace.run(run_id)
    paths.folder.mkdir()
    records.save(paths, RunStatus(run_id, run_id, AT, AT, phase=phase))
    return paths.folder


def doctor(root: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", "-m", "daemon", "doctor", *words],
        env=environment(root) | variables,
        capture_output=True,
        text=True,
    )


def findings_in(result: "subprocess.CompletedProcess[str]") -> list[dict]:
    return json.loads(result.stdout)["findings"]


def findings_of(result: "subprocess.CompletedProcess[str]", check: str) -> list[dict]:
    return [item for item in findings_in(result) if item["check"] == check]


# Python and packages


def test_only_the_pythons_that_the_project_is_made_for_are_fine() -> None:
    wanted = 'requires-python = ">=3.11,<3.13"'
    assert wanted in (CODE_ROOT / "pyproject.toml").read_text()
    levels = {minor: machine.check_python((3, minor)).level for minor in (10, 11, 12, 13)}
    assert levels == {10: PROBLEM, 11: OK, 12: OK, 13: PROBLEM}


def test_every_requirement_is_read_with_its_version() -> None:
    text = (CODE_ROOT / "requirements.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    wanted = machine.read_requirements()
    assert len(wanted) == len(lines)
    assert "streamlit" in wanted
    assert worst(list(machine.check_packages(wanted, machine.installed_version))) is OK


def test_missing_packages_are_a_problem_and_other_versions_a_warning() -> None:
    there = {"torch": "2.13.0+cpu", "axolotl": "0.18.0", "numpy": None}
    wanted = {"torch": "2.13.0", "axolotl": "0.19.0", "numpy": "2.3.5"}
    missing, other = machine.check_packages(wanted, there.get)
    assert (missing.level, other.level) == (PROBLEM, WARNING)
    assert "numpy" in missing.what and "axolotl 0.18.0 (wanted: 0.19.0)" in other.what
    assert "torch" not in missing.what + other.what


def test_the_doctor_comes_even_where_no_package_is_installed(workspace: Workspace) -> None:
    # Without site-packages: as after a set-up that broke off.
    result = subprocess.run(
        [sys.executable, "-S", "-P", "-m", "daemon", "doctor", "--json"],
        env=environment(workspace.root),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    [packages] = findings_of(result, "packages")
    assert packages["level"] == "problem" and "torch" in packages["what"]
    assert findings_of(result, "file system")[0]["level"] != "problem"


# GPUs


def cards(count: int) -> tuple[gpu.Card, ...]:
    return tuple(gpu.Card(index, index, "RTX 3060", 12.0) for index in range(count))


def test_two_cards_are_told_with_their_memory() -> None:
    finding = gpu.check_driver(gpu.Driver("580.1", (13, 0), cards(2)), True)
    assert finding.level is OK
    assert "580.1" in finding.what and "GPU 1 RTX 3060 with 12.0 GiB" in finding.what


@pytest.mark.parametrize(
    ("code", "card", "level", "advice"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, False, WARNING, "small trials"),
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, True, PROBLEM, "Install the NVIDIA driver"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, True, PROBLEM, "modprobe nvidia"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, True, PROBLEM, "restart the machine"),
        (pynvml.NVML_ERROR_UNKNOWN, True, PROBLEM, "nvidia-smi"),
    ],
)
def test_a_driver_that_does_not_answer_is_a_problem_only_with_a_card(
    code: int, card: bool, level: Level, advice: str
) -> None:
    finding = gpu.check_driver(pynvml.NVMLError(code), card)
    assert finding.level is level
    assert advice in finding.advice


def test_a_card_is_seen_on_the_bus_without_any_driver(tmp_path: Path) -> None:
    for number, (vendor, kind) in enumerate([("0x8086", "0x030000"), ("0x10de", "0x040300")]):
        folder = tmp_path / f"0000:0{number}:00.0"
        folder.mkdir()
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "class").write_text(f"{kind}\n")
    assert not gpu.has_card(tmp_path)
    (tmp_path / "0000:01:00.0" / "class").write_text("0x030000\n")
    assert gpu.has_card(tmp_path)
    assert not gpu.has_card(tmp_path / "none")


def test_device_files_that_are_missing_or_closed_are_problems(tmp_path: Path) -> None:
    there = tmp_path / "nvidia0"
    there.touch()
    assert worst(list(gpu.check_device_files([there]))) is OK
    [missing] = gpu.check_device_files([there, tmp_path / "nvidia-uvm"])
    assert missing.level is PROBLEM and "nvidia-uvm" in missing.what
    assert {path.name for path in gpu.device_files([gpu.Card(0, 3, "x", None)])} >= {"nvidia3"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every file")
def test_device_files_closed_to_this_user_are_a_problem(tmp_path: Path) -> None:
    closed = tmp_path / "nvidia0"
    closed.touch(mode=0o000)
    [finding] = gpu.check_device_files([closed])
    assert finding.level is PROBLEM and "Closed" in finding.what


@pytest.mark.parametrize(
    ("line", "built_for"),
    [
        ("cuda: Optional[str] = '13.0'", (13, 0)),
        ("cuda = '12.8'", (12, 8)),
        ("cuda: Optional[str] = None", None),
    ],
)
def test_what_torch_is_built_for_is_read_without_loading_it(
    tmp_path: Path, line: str, built_for: tuple[int, int] | None
) -> None:
    (tmp_path / "version.py").write_text(f"__version__ = '2.13.0'\n{line}\nhip = None\n")
    assert gpu.cuda_of_torch(tmp_path / "version.py") == built_for


def test_the_installed_torch_says_what_it_is_built_for() -> None:
    version_file = gpu.find_torch()
    assert version_file and "cuda" in version_file.read_text()


@pytest.mark.parametrize(
    ("built_for", "supported", "level"),
    [
        ((13, 0), (13, 1), OK),
        ((13, 1), (13, 0), OK),
        ((12, 8), (13, 0), OK),
        ((13, 0), (12, 4), PROBLEM),
        (None, (13, 0), PROBLEM),
        ((13, 0), None, OK),
    ],
)
def test_torch_must_not_be_built_for_a_newer_cuda_than_the_driver_runs(
    built_for: tuple[int, int] | None, supported: tuple[int, int] | None, level: Level
) -> None:
    assert gpu.check_torch(built_for, gpu.Driver("550", supported, cards(1))).level is level


def test_the_cards_of_a_driver_are_found_by_the_command(
    workspace: Workspace, tmp_path: Path
) -> None:
    result = doctor(workspace.root, "--json", **build_fake_nvml(tmp_path))
    first, *_ = findings_of(result, "GPUs")
    assert first["level"] == "ok"
    assert "GPU 1 NVIDIA GeForce RTX 3060 with 12.0 GiB" in first["what"]


# File system and watching

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /data rw,relatime - nfs4 server:/data rw
31 30 8:2 / /data/fast\\040disk rw - xfs /dev/sdb rw
32 22 0:41 / /over rw - tmpfs tmpfs rw
33 22 0:42 / /over rw - ext4 /dev/sdc rw
torn line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/x", "ext4"),
        ("/data/runs", "nfs4"),
        ("/data/fast disk/runs", "xfs"),
        ("/database", "ext4"),
        ("/over/x", "ext4"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    assert machine.file_system_of(PurePath(path), MOUNTS) == kind


def test_this_machine_has_a_file_system(tmp_path: Path) -> None:
    assert machine.file_system_of(tmp_path, machine.read_mounts())


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("ext4", OK),
        ("", OK),
        ("nfs4", WARNING),
        ("cifs", WARNING),
        ("fuse.sshfs", WARNING),
        ("tmpfs", WARNING),
    ],
)
def test_file_systems_that_do_not_keep_or_lock_are_told(kind: str, level: Level) -> None:
    assert machine.check_file_system(kind).level is level


def test_a_folder_that_cannot_be_watched_is_a_warning(tmp_path: Path) -> None:
    def no_instance_left(folder: Path) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    assert machine.check_inotify(tmp_path).level is OK
    finding = machine.check_inotify(tmp_path, no_instance_left)
    assert finding.level is WARNING and "max_user_instances" in finding.advice
    with pytest.raises(FileNotFoundError):
        machine.watch_folder(tmp_path / "none")


# Disk, folders, settings


@pytest.mark.parametrize(
    ("free_gib", "files", "levels"),
    [
        (100.0, None, [OK]),
        (3.0, 1_000_000, [WARNING]),
        (1.9, 1_000_000, [PROBLEM]),
        (100.0, 0, [OK, PROBLEM]),
    ],
)
def test_a_full_disk_is_a_problem(free_gib: float, files: int | None, levels: list[Level]) -> None:
    disk = room.Disk(int(free_gib * 1024**3), files)
    assert [finding.level for finding in room.check_disk(disk, 2.0)] == levels


def test_the_disk_of_a_folder_can_be_read(tmp_path: Path) -> None:
    assert room.read_disk(tmp_path).free_bytes > 0


def test_a_wrong_setting_is_told_by_its_key(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    assert room.check_settings(path)[1].level is OK
    path.write_text("min_free_disk_gib: 5\n")
    settings, finding = room.check_settings(path)
    assert (settings.min_free_disk_gib, finding.level) == (5, OK)
    path.write_text("min_free_disk: 5\n")
    settings, finding = room.check_settings(path)
    assert finding.level is PROBLEM and "`min_free_disk` is no setting" in finding.what


def test_folders_open_to_all_are_a_warning(workspace: Workspace) -> None:
    assert worst(list(room.check_folders(workspace))) is OK
    workspace.queue.chmod(0o777)
    found = list(room.check_folders(workspace))
    assert worst(found) is WARNING and "queue" in found[0].what


def test_a_workspace_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    [finding] = room.check_folders(Workspace(tmp_path / "none"))
    assert finding.level is PROBLEM


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_runs_that_another_user_keeps_to_himself_are_a_problem(workspace: Workspace) -> None:
    folder = put(workspace, "20260101-000000-a", Phase.FAILED)
    os.chown(folder, 1234, -1)
    folder.chmod(0o770)
    assert worst(list(room.check_folders(workspace))) is OK
    folder.chmod(0o750)
    [finding] = [f for f in room.check_folders(workspace) if f.level is PROBLEM]
    assert "20260101-000000-a" in finding.what and "chown" in finding.advice


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write in every folder")
def test_a_folder_closed_to_this_user_is_a_problem(workspace: Workspace) -> None:
    workspace.queue.chmod(0o500)
    found = list(room.check_folders(workspace))
    assert worst(found) is PROBLEM and "queue" in found[0].what


# The daemon, the records, the services, the token


def a_daemon(lives: bool, holds: bool, version: str = VERSION, *troubles: str) -> Daemon:
    return Daemon(Heartbeat(AT, version, (), (), troubles), lives, holds)


@pytest.mark.parametrize(
    ("daemon", "unfinished", "levels", "words"),
    [
        (a_daemon(True, True), 3, [OK], VERSION),
        (a_daemon(True, True, "0.0.9"), 0, [WARNING], "0.0.9"),
        (a_daemon(True, True, VERSION, "no\x1b[31m disk"), 0, [OK, WARNING], "no disk"),
        (a_daemon(False, True), 0, [PROBLEM], "not been heard of for 1h30m"),
        (a_daemon(False, False), 2, [PROBLEM], "2 runs or specs wait"),
        (Daemon(None, False, False), 0, [WARNING], "not running"),
    ],
)
def test_the_daemon_is_judged_by_its_sign_of_life(
    daemon: Daemon, unfinished: int, levels: list[Level], words: str
) -> None:
    found = list(room.check_daemon(daemon, AT + timedelta(minutes=90), unfinished))
    assert [finding.level for finding in found] == levels
    assert words in found[-1].what


@pytest.mark.parametrize(
    ("standby", "level", "words", "advice"),
    [
        (SeenStandby("ready", ranks=1, memory_mib=614), OK, "about a second", ""),
        (SeenStandby("preparing", "the standby ended: x"), OK, "getting ready", ""),
        (SeenStandby("none"), OK, "none at the moment", ""),
        (SeenStandby("off", "switched off"), OK, "warm_standby", ""),
        (SeenStandby("none", "1.2 GiB of memory are available"), WARNING, "1.2 GiB", "takes the"),
        (SeenStandby("none", "no door could be opened for it: x"), WARNING, "door", "write in"),
        (
            SeenStandby("none", "the standby ended: \x1b[31mx"),
            WARNING,
            "(the standby ended: x)",
            "log",
        ),
        (SeenStandby("none", "something new"), WARNING, "Runs train all the same", "daemon's log"),
    ],
)
def test_a_missing_standby_is_a_warning_only_with_a_reason(
    standby: SeenStandby, level: Level, words: str, advice: str
) -> None:
    [finding] = check_standby(standby)
    assert finding.level is level
    assert words in finding.what and advice in finding.advice
    assert bool(finding.advice) == (level is WARNING)


@pytest.mark.parametrize("standby", [None, SeenStandby(), SeenStandby("of a newer version")])
def test_where_no_standby_is_told_of_there_is_nothing_to_find(standby: SeenStandby | None) -> None:
    assert list(check_standby(standby)) == []


def test_what_waits_for_a_daemon_is_counted(workspace: Workspace) -> None:
    for number, phase in enumerate([Phase.QUEUED, Phase.RUNNING, Phase.PAUSED, Phase.FAILED]):
        put(workspace, f"20260101-00000{number}-a", phase)
    (workspace.queue / "x.yaml").write_text(spec_text("x"))
    assert count_unfinished(workspace) == 3


def test_sound_records_are_fine(workspace: Workspace) -> None:
    put(workspace, "20260101-000000-a", Phase.COMPLETED)
    put(workspace, "20260101-000001-b", Phase.PAUSED)
    [finding] = check_records(workspace, daemon_lives=False)
    assert finding.level is OK and "all 2" in finding.what


@pytest.mark.parametrize("text", ["", "[]", '{"run_id"', '{"run_id": "x"}', '{"phase": 1}'])
def test_a_record_that_cannot_be_read_is_a_problem(workspace: Workspace, text: str) -> None:
    folder = put(workspace, "20260101-000000-a", Phase.RUNNING)
    (folder / "status.json").write_text(text)
    [finding] = check_records(workspace, daemon_lives=True)
    assert finding.level is PROBLEM and "20260101-000000-a" in finding.what


def test_a_record_that_is_a_folder_is_a_problem(workspace: Workspace) -> None:
    paths = workspace.run("20260101-000000-a")
    paths.status.mkdir(parents=True)
    [finding] = check_run(paths, daemon_lives=True)
    assert finding.level is PROBLEM


def test_a_run_without_status_is_told_apart_from_an_empty_folder(workspace: Workspace) -> None:
    paths = workspace.run("20260101-000000-a")
    paths.folder.mkdir()
    [empty] = check_run(paths, daemon_lives=True)
    paths.spec.write_text(spec_text("a"))
    [claimed] = check_run(paths, daemon_lives=True)
    assert "neither" in empty.what and "not written yet" in claimed.what
    assert {empty.level, claimed.level} == {WARNING}


def test_a_record_that_contradicts_the_processes_is_told(workspace: Workspace) -> None:
    running = workspace.run(put(workspace, "20260101-000000-a", Phase.RUNNING).name)
    ended = workspace.run(put(workspace, "20260101-000001-b", Phase.COMPLETED).name)
    lock = take_lock(ended.lock)
    assert lock is not None
    try:
        assert list(check_run(running, daemon_lives=True)) == []
        [stale] = check_run(running, daemon_lives=False)
        [haunted] = check_run(ended, daemon_lives=True)
    finally:
        os.close(lock)
    assert (stale.level, haunted.level) == (WARNING, PROBLEM)
    assert list(check_run(ended, daemon_lives=True)) == []


SOUND = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "Result": "success",
}


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({}, OK, "active and enabled"),
        ({"LoadState": "not-found"}, OK, "not installed"),
        ({"LoadState": "bad-setting"}, PROBLEM, "bad-setting"),
        ({"ActiveState": "failed", "Result": "exit-code"}, PROBLEM, "exit-code"),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, PROBLEM, "auto-restart"),
        ({"ActiveState": "inactive", "SubState": "dead"}, WARNING, "inactive (dead)"),
        ({"UnitFileState": "disabled"}, WARNING, "does not start with the machine"),
    ],
)
def test_a_service_is_judged_by_what_systemd_says(
    change: dict[str, str], level: Level, words: str
) -> None:
    finding = check_unit(UNITS[0], SOUND | change)
    assert finding.level is level
    assert words in finding.what


def test_without_systemd_the_services_are_left_out(tmp_path: Path) -> None:
    [finding] = check_services(systemd=tmp_path / "none")
    assert finding.level is OK


@pytest.mark.parametrize(
    "error", [FileNotFoundError("systemctl"), subprocess.TimeoutExpired("systemctl", 10)]
)
def test_a_systemd_that_does_not_answer_is_told(tmp_path: Path, error: Exception) -> None:
    def read(unit: str) -> dict[str, str]:
        raise error

    found = list(check_services(read, tmp_path))
    assert [finding.level for finding in found] == [WARNING] * len(UNITS)


def test_the_units_are_those_that_the_project_installs() -> None:
    assert {path.name for path in (CODE_ROOT / "systemd").glob("*.service")} == set(UNITS)


def test_a_token_is_told_and_never_shown(workspace: Workspace, tmp_path: Path) -> None:
    secret = "hf_" + "x1" * 15
    (tmp_path / "token").write_text(secret)
    result = doctor(workspace.root, HF_TOKEN=secret, HF_TOKEN_PATH=str(tmp_path / "token"))
    assert "Hugging Face token: present" in result.stdout
    assert secret not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("names", "shell", "level", "words"),
    [
        (["PATH", "HF_TOKEN"], {}, OK, "in the daemon's environment"),
        (["PATH"], {"HF_TOKEN": "x"}, WARNING, "in this shell"),
        ([], {}, OK, "absent"),
    ],
)
def test_the_token_counts_where_the_daemon_has_it(
    tmp_path: Path, names: list[str], shell: dict[str, str], level: Level, words: str
) -> None:
    finding = room.check_token(names, {"HF_HOME": str(tmp_path)} | shell)
    assert finding.level is level
    assert words in finding.what


def test_of_the_daemons_environment_only_the_names_are_read(workspace: Workspace) -> None:
    workspace.heartbeat.write_text(json.dumps({"pid": os.getpid()}))
    names = room.variables_of_daemon(workspace)
    assert "PATH" in names and os.environ["PATH"] not in names
    workspace.heartbeat.write_text('{"pid": "no"}')
    assert room.variables_of_daemon(workspace) == []


def test_the_token_file_is_where_the_hub_keeps_it() -> None:
    assert room.token_file({"HF_TOKEN_PATH": "/a/b"}) == Path("/a/b")
    assert room.token_file({"HF_HOME": "/h"}) == Path("/h/token")
    assert room.token_file({}) == Path.home() / ".cache/huggingface/token"


# The command


def test_a_sound_workspace_has_no_problem(workspace: Workspace) -> None:
    result = doctor(workspace.root, "--json")
    problems = {item["check"] for item in findings_in(result) if item["level"] == "problem"}
    # Of the machine nothing is known here; its exit code must tell the same as its findings.
    assert not problems & {"file system", "folders", "daemon", "records", "token"}
    assert result.returncode == bool(problems)
    assert result.stderr == ""


def test_a_problem_shows_in_the_exit_code(workspace: Workspace) -> None:
    workspace.configs.mkdir()
    workspace.settings.write_text("hub: perhaps\n")
    (put(workspace, "20260101-000000-a", Phase.RUNNING) / "status.json").write_text("{")
    result = doctor(workspace.root, "--json")
    problems = [item["check"] for item in findings_in(result) if item["level"] == "problem"]
    assert {"settings and disk", "records"} <= set(problems)
    assert json.loads(result.stdout)["problems"] == len(problems)
    assert result.returncode == 1
    shown = doctor(workspace.root)
    assert f"problem: {len(problems)}" in shown.stdout
    assert shown.returncode == 1


def test_the_doctor_changes_nothing(workspace: Workspace) -> None:
    before = sorted(workspace.root.rglob("*"))
    doctor(workspace.root)
    assert sorted(workspace.root.rglob("*")) == before


def test_a_check_that_breaks_is_a_problem_and_stops_no_other(workspace: Workspace) -> None:
    def breaks(workspace: Workspace) -> list[Finding]:
        raise OSError("no such thing")

    def lacks(workspace: Workspace) -> list[Finding]:
        raise ImportError("No module named 'yaml'")

    def closed(workspace: Workspace) -> list[Finding]:
        raise PermissionError(errno.EACCES, "Permission denied", "/a/runs")

    checks: dict[str, Callable[[Workspace], list[Finding]]]
    checks = {"a": breaks, "b": lacks, "c": closed, "d": lambda workspace: [ok("fine")]}
    found = [finding for _, finding in run_checks(workspace, checks)]
    assert [finding.level for finding in found] == [PROBLEM, PROBLEM, PROBLEM, OK]
    assert "no such thing" in found[0].what and "make setup" in found[1].advice
    assert "/a/runs is closed to this user" in found[2].what
