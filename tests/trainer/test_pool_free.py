"""Without worker processes the same rows are made, under the same name."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from datasets import Dataset, load_from_disk

from core.paths import Workspace
from tests.real import build_starter, environment
from trainer import pool_free
from trainer.pool_free import keep_in_process


@pytest.fixture
def dataset(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dataset]:
    """Four rows, in a process that keeps to itself."""
    for name in ("map", "filter", "save_to_disk"):
        monkeypatch.setattr(Dataset, name, getattr(Dataset, name))
    keep_in_process()
    return Dataset.from_dict({"number": [1, 2, 3, 4]})


def with_pid(row: dict[str, int]) -> dict[str, int]:
    return {"pid": os.getpid()}


def is_even_here(row: dict[str, int]) -> bool:
    return row["number"] % 2 == 0 and os.getpid() == int(os.environ["OURS"])


def test_one_process_is_this_one(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", str(os.getpid()))
    assert set(dataset.map(with_pid, num_proc=1)["pid"]) == {os.getpid()}
    assert dataset.filter(is_even_here, num_proc=1)["number"] == [2, 4]


def test_several_processes_are_several(dataset: Dataset) -> None:
    pids = set(dataset.map(with_pid, num_proc=2)["pid"])
    assert len(pids) == 2 and os.getpid() not in pids


def test_to_filter_few_rows_takes_no_process_however_many_are_asked_for(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", str(os.getpid()))
    assert dataset.filter(is_even_here, num_proc=2)["number"] == [2, 4]
    monkeypatch.setattr(pool_free, "MANY_ROWS", 4)
    assert dataset.filter(is_even_here, num_proc=2)["number"] == []


def test_to_save_takes_no_process_however_many_are_asked_for(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.arrow_dataset.mp", None)
    for number in (None, 1, 2):
        dataset.save_to_disk(str(tmp_path / f"{number}"), num_proc=number)
        assert load_from_disk(str(tmp_path / f"{number}")).to_list() == dataset.to_list()


def test_once_more_does_no_harm(dataset: Dataset) -> None:
    keep_in_process()
    assert set(dataset.map(with_pid, num_proc=1)["pid"]) == {os.getpid()}


# Prepares the same data twice, first as Axolotl does it by itself.
SCRIPT = """
import json, sys
from pathlib import Path

def prepare(name, num_proc):
    config = {
        "base_model": "./models/starter",
        "datasets": [{"path": "./uploads/capitals/train.jsonl", "type": "chat_template"}],
        "val_set_size": 0.1, "sequence_len": 64, "seed": 42,
        "micro_batch_size": 2, "learning_rate": 1e-3, "num_epochs": 1,
        "dataset_num_proc": num_proc, "dataset_prepared_path": name, "output_dir": "./output",
    }
    made = load_datasets(cfg=load_cfg(DictDefault(config)))
    (folder,) = (path for path in Path(name).iterdir() if path.is_dir())
    rows = {"train": made.train_dataset, "eval": made.eval_dataset,
            "saved": datasets.load_from_disk(str(folder))}
    return {"folder": folder.name, **{name: of.to_list() for name, of in rows.items()}}

if __name__ == "__main__":
    import datasets
    from axolotl.cli.config import load_cfg
    from axolotl.common.datasets import load_datasets
    from axolotl.utils.dict import DictDefault
    from trainer.pool_free import keep_in_process

    datasets.disable_caching()
    by_itself = [prepare("one", 1), prepare("two", 2)]
    keep_in_process()
    without = [prepare("one-without", 1), prepare("two-without", 2)]
    Path("made.json").write_text(json.dumps([*by_itself, *without]))
"""


@pytest.mark.slow
def test_axolotl_makes_the_same_rows_under_the_same_name(tmp_path: Path) -> None:
    build_starter(tmp_path)
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-P", "script.py"],
        cwd=tmp_path,
        env=environment(Workspace(tmp_path).root) | {"AXOLOTL_TEE_STDOUT": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, *others = json.loads((tmp_path / "made.json").read_text())
    assert len(first["saved"]) == 400 and len(first["train"]) == 360
    assert others == 3 * [first]
