"""How fast a large file of chats becomes a dataset, beside `datasets` doing the same.

Both read every row, check it and convert it; ours also counts, looks for repeats and writes the
report. Each is a process of its own, timed from its start to its end.
"""

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.compared import Compared, table
from bench.process_use import read_memory
from bench.progress import tell
from core.dataset.arrival.arriving import create_local, request_import
from core.dataset.json_line import to_line
from core.dataset.making.choices import Choices
from core.files import load_json
from core.paths import CODE_ROOT, Workspace
from core.process import children
from core.settings import Settings

THEIRS, OURS = "datasets", "ours"
MB = 1_000_000
LOOK_EVERY_S = 0.2
WORDS = 4000
WORDS_PER_TURN = 45

MAP = """
import sys
from datasets import load_dataset
from core.dataset.convert import Converter
from core.dataset.format import Format

converter = Converter(Format("messages", {"turns": "messages"}))

if __name__ == "__main__":
    rows = load_dataset("json", data_files=sys.argv[1], split="train", cache_dir=sys.argv[2])
    columns = rows.column_names
    print(len(rows.map(lambda row: converter.convert(dict(row)), remove_columns=columns)))
"""
"""The same conversion row by row, as the library's own documentation has it."""


@dataclass(frozen=True)
class Taken:
    """What an import took: seconds from start to end, and the most memory in MB."""

    seconds: float
    peak_mb: float


def measure_import(folder: Path, rounds: int, megabytes: int) -> str:
    """Both ways in turns, as a table."""
    folder.mkdir(parents=True)
    file = folder / "chats.jsonl"
    tell(f"writing {megabytes} MB of chats")
    rows = write_chats(file, megabytes)
    taken: dict[str, list[Taken]] = {THEIRS: [], OURS: []}
    for number in range(1, rounds + 1):
        tell(f"importing, round {number} of {rounds}")
        taken[THEIRS].append(import_theirs(folder, file))
        taken[OURS].append(import_ours(folder / f"workspace-{number}", file))
    return as_table(taken, rows, file.stat().st_size / MB)


def as_table(taken: dict[str, list[Taken]], rows: int, size_mb: float) -> str:
    """Rows and bytes a second, and the most memory."""
    seconds = {way: [one.seconds for one in some] for way, some in taken.items()}
    rates = {way: [size_mb / value for value in some] for way, some in seconds.items()}
    row_rates = {way: [rows / value / 1000 for value in some] for way, some in seconds.items()}
    memory = {way: [one.peak_mb for one in some] for way, some in taken.items()}
    title = f"{size_mb:,.0f} MB, {rows:,} chats"
    return table(
        title,
        [
            Compared("start to end", seconds, {OURS: 1 / 3}),
            Compared("thousand rows a second", row_rates, {OURS: 3}, "k/s", more_is_better=True),
            Compared("bytes a second", rates, {OURS: 3}, "MB/s", more_is_better=True),
            Compared("most memory (goal: 600 MB)", memory, {}, "MB"),
        ],
    )


def write_chats(file: Path, megabytes: int) -> int:
    """Different chats of two to six turns, about a kilobyte each; returns how many."""
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnoprstuvwäöé", k=5)) for _ in range(WORDS)]
    rows = size = 0
    with file.open("wb") as target:
        while size < megabytes * MB:
            turns = [
                {
                    "role": ("user", "assistant")[number % 2],
                    "content": " ".join(chance.choices(words, k=WORDS_PER_TURN)),
                }
                for number in range(chance.choice((2, 2, 4, 6)))
            ]
            size += target.write(to_line({"messages": turns, "id": rows}))
            rows += 1
    return rows


def import_ours(root: Path, file: Path) -> Taken:
    """The import as the daemon starts it: copied, read, checked, converted, counted, written."""
    workspace = Workspace(root)
    arrival = create_local(workspace, Settings(allowed_folders=(file.parent,)), str(file))
    workspace.configs.mkdir(parents=True)
    workspace.settings.write_text(f"allowed_folders: [{file.parent}]\n")
    request_import(workspace, arrival.paths.arrival_id, Choices("chats").to_record())
    command = [sys.executable, "-P", "-m", "trainer.dataset_import"]
    command.append(f"--arrival={arrival.paths.folder}")
    taken = timed(command, root, workspace.environment())
    outcome = load_json(arrival.paths.outcome)
    if not outcome["ok"]:
        raise RuntimeError(outcome["reason"])
    shutil.rmtree(root)
    return taken


def import_theirs(folder: Path, file: Path) -> Taken:
    """`load_dataset` and `map`, with an empty cache."""
    script, cache = folder / "map_rows.py", folder / "cache"
    script.write_text(MAP)
    command = [sys.executable, "-P", str(script), str(file), str(cache)]
    env = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    taken = timed(command, folder, env | {"PYTHONPATH": str(CODE_ROOT)})
    shutil.rmtree(cache)
    return taken


def timed(command: list[str], cwd: Path, env: dict[str, str]) -> Taken:
    """Run the command to its end, looking at its memory from time to time."""
    begun, peak_mb = time.monotonic(), 0.0
    with subprocess.Popen(
        command, cwd=cwd, env=os.environ | env, stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            peak_mb = max(peak_mb, tree_mb(process.pid))
            time.sleep(LOOK_EVERY_S)
    seconds = time.monotonic() - begun
    if process.returncode:
        raise RuntimeError(f"{command[2:4]} left with {process.returncode}")
    return Taken(seconds, peak_mb)


def tree_mb(pid: int) -> float:
    """The memory of a process and all below it in MB, what they share counted once."""
    total = 0.0
    for one in (pid, *(child for child in children(pid))):
        # Gone meanwhile.
        with contextlib.suppress(OSError, KeyError):
            total += read_memory(one).pss if one == pid else tree_mb(one)
    return total
