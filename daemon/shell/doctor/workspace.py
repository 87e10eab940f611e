"""The workspace: its folders, its disk, its settings, the daemon that supervises it."""

import os
import pwd
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.errors import RecordError, SettingsError
from core.files import load_json
from core.paths import Workspace
from core.settings import Settings, load_settings
from core.version import VERSION
from daemon.shell.advice import HOW_TO_ENTER, HOW_TO_START
from daemon.shell.doctor.finding import Finding, ok, problem, warning
from daemon.shell.liveness import Daemon
from daemon.shell.terminal import age_text, one_line

GIB = 1024**3
FEW_FILES = 10_000
MAX_LISTED = 3
TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def check_settings(path: Path) -> tuple[Settings, Finding]:
    """The settings (the defaults in place of wrong ones), and whether they are right."""
    try:
        settings = load_settings(path)
    except SettingsError as error:
        advice = "Mend that line; until then the daemon does not start."
        return Settings(), problem(f"The settings are wrong: {one_line(str(error))}", advice)
    where = "settings.yaml is valid" if path.exists() else "no settings.yaml: the defaults hold"
    return settings, ok(f"Settings: {where}")


@dataclass(frozen=True)
class Disk:
    """What is free for this user: bytes, and how many files more (None: no such limit)."""

    free_bytes: int
    free_files: int | None


def read_disk(folder: Path) -> Disk:
    """What is free where the folder is."""
    info = os.statvfs(folder)
    return Disk(info.f_bavail * info.f_frsize, info.f_favail if info.f_files else None)


def check_disk(disk: Disk, min_free_gib: float) -> Iterator[Finding]:
    """Whether trainings may start, and have room for their checkpoints."""
    free_gib = disk.free_bytes / GIB
    needed = f"trainings need {min_free_gib:g} GiB (`min_free_disk_gib`)"
    clear = "Remove old runs and models, or move the workspace to a larger disk."
    if free_gib < min_free_gib:
        yield problem(f"{free_gib:.1f} GiB free on the disk; {needed} to go on", clear)
    elif free_gib < min_free_gib * 2:
        yield warning(f"{free_gib:.1f} GiB free on the disk; {needed}", clear)
    else:
        yield ok(f"{free_gib:,.1f} GiB free on the disk; {needed}")
    if disk.free_files is not None and disk.free_files < FEW_FILES:
        yield problem(f"The disk has room for only {disk.free_files:,} more files", clear)


def check_folders(workspace: Workspace) -> Iterator[Finding]:
    """Whether this user can work in the workspace, and nobody else by accident."""
    if not workspace.root.is_dir():
        yield problem(
            f"There is no folder {workspace.root}", "Make it, or set LLM_TRAINER_WORKSPACE."
        )
        return
    folders = [workspace.runs, workspace.queue, workspace.uploads, workspace.configs]
    there = [folder for folder in folders if folder.is_dir()]
    if workspace.runs not in there and not os.access(workspace.root, os.W_OK | os.X_OK):
        yield problem(
            f"{workspace.root} has no runs/, and this user cannot make it", "Run as its owner."
        )
    bad = [finding for folder in there for finding in _check_folder(folder)]
    yield from bad
    yield from _check_run_owners(workspace)
    if not bad:
        yield ok(f"Workspace {workspace.root}: writable, owned by {_owner(workspace.root)}")


def check_daemon(daemon: Daemon, at: datetime, unfinished: int) -> Iterator[Finding]:
    """Whether a daemon supervises the workspace, of this version and without trouble."""
    heartbeat = daemon.heartbeat
    if daemon.lives and heartbeat:
        yield from _check_version(heartbeat.version)
        for trouble in heartbeat.troubles:
            yield warning(f"The daemon reports: {one_line(trouble)}", "See the daemon's log.")
    elif daemon.holds:
        beat = f" for {age_text(heartbeat.beat_at, at)}" if heartbeat else ""
        yield problem(
            f"The daemon has not been heard of{beat}, although it has not ended",
            "See its log; restart it (trainings go on meanwhile): "
            "`systemctl restart llm-trainer-daemon`.",
        )
    elif unfinished:
        yield problem(
            f"The daemon is not running, and {unfinished} runs or specs wait for it", HOW_TO_START
        )
    else:
        yield warning("The daemon is not running", HOW_TO_START)


def check_token(names: Sequence[str], environment: Mapping[str, str]) -> Finding:
    """Whether there is a token of the Hugging Face Hub; `names` are those of the daemon, if known.

    The token itself is never shown.
    """
    if any(name in TOKEN_VARIABLES for name in names):
        return ok("Hugging Face token: present, in the daemon's environment")
    if token_file(environment).is_file():
        return ok("Hugging Face token: present, in this user's file of `hf auth login`")
    if any(environment.get(name) for name in TOKEN_VARIABLES):
        return warning(
            "Hugging Face token: in this shell, not known to be in the daemon's environment",
            "For gated models put it there; the README tells how.",
        )
    return ok("Hugging Face token: absent; only models that are open to all can be fetched")


def variables_of_daemon(workspace: Workspace) -> list[str]:
    """The names, never the values, of the daemon's environment; none where it cannot be read."""
    try:
        pid = int(load_json(workspace.heartbeat)["pid"])
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except (OSError, RecordError, KeyError, TypeError, ValueError):
        return []
    pairs = [pair.partition(b"=") for pair in environment.split(b"\0")]
    return [os.fsdecode(name) for name, _, value in pairs if value]


def token_file(environment: Mapping[str, str]) -> Path:
    """Where the Hub's own tools keep the token."""
    cache = environment.get("XDG_CACHE_HOME") or "~/.cache"
    home = environment.get("HF_HOME") or f"{cache}/huggingface"
    return Path(environment.get("HF_TOKEN_PATH") or f"{home}/token").expanduser()


def _check_version(version: str) -> Iterator[Finding]:
    if version == VERSION:
        yield ok(f"The daemon lives, version {VERSION}")
    else:
        yield warning(
            f"The daemon that lives is version {one_line(version)}, this program is {VERSION}",
            "Restart it (trainings go on): `systemctl restart llm-trainer-daemon`.",
        )


def _check_folder(folder: Path) -> Iterator[Finding]:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield problem(
            f"{folder} belongs to {_owner(folder)} and is closed to {_user_name(os.geteuid())}",
            HOW_TO_ENTER,
        )
    if folder.stat().st_mode & stat.S_IWOTH:
        yield warning(
            f"Every user of this machine can write in {folder}, and so start trainings",
            f"chmod o-w {folder}",
        )


def _check_run_owners(workspace: Workspace) -> Iterator[Finding]:
    """Runs that root left after a `sudo`, say: whoever owns `runs/` cannot write in them."""
    if not workspace.runs.is_dir():
        return
    home = workspace.runs.stat()
    foreign = [
        paths.run_id
        for paths in workspace.run_folders()
        if not _is_shared(paths.folder.stat(), home)
    ]
    if foreign:
        yield problem(
            f"Runs closed to {_user_name(home.st_uid)}, the owner of runs/ "
            f"({len(foreign)}): {', '.join(foreign[:MAX_LISTED])}",
            f"sudo chown -R {_user_name(home.st_uid)} {workspace.runs}",
        )


def _is_shared(folder: os.stat_result, home: os.stat_result) -> bool:
    """Whether who owns the home of the folder owns it too, or shares it through its group."""
    by_group = folder.st_gid == home.st_gid and bool(folder.st_mode & stat.S_IWGRP)
    return folder.st_uid == home.st_uid or by_group


def _owner(path: Path) -> str:
    return _user_name(path.stat().st_uid)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
