"""The key of prepared data follows contents, never paths or times."""

import os
from pathlib import Path

import pytest

from core.process import is_same, pids_with_environment, started_ticks
from core.spec.prepared import ContentHasher, prepared_key

CONFIG = {
    "base_model": "./model",
    "datasets": [{"path": "./data.jsonl", "type": "alpaca"}],
    "sequence_len": 64,
    "learning_rate": 1e-4,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "tokenizer.json").write_text("{}")
    (tmp_path / "data.jsonl").write_text('{"a": 1}\n')
    return tmp_path


def key(root: Path, **changes: object) -> str:
    return prepared_key({**CONFIG, **changes}, root, ContentHasher())


def test_the_same_content_gives_the_same_key_whenever_it_was_written(root: Path) -> None:
    before = key(root)
    os.utime(root / "data.jsonl", (1, 1))
    assert key(root) == before


def test_a_changed_row_gives_another_key_at_the_same_path_size_and_time(root: Path) -> None:
    before, stat = key(root), (root / "data.jsonl").stat()
    (root / "data.jsonl").write_text('{"a": 2}\n')
    os.utime(root / "data.jsonl", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert key(root) != before


def test_another_tokenizer_or_sequence_length_gives_another_key(root: Path) -> None:
    before = key(root)
    assert key(root, sequence_len=128) != before
    (root / "model" / "tokenizer.json").write_text('{"x": 1}')
    assert key(root) != before


def test_how_it_is_trained_does_not_change_the_key(root: Path) -> None:
    assert key(root) == key(root, learning_rate=1.0, lora_r=64, num_epochs=9, output_dir="./x")


def test_a_known_file_is_not_read_again(root: Path) -> None:
    hasher, file = ContentHasher(), root / "data.jsonl"
    first = hasher.hash(file)
    stat = file.stat()
    with file.open("r+") as stream:  # the same inode, size and time: as if nothing had happened
        stream.write('{"a": 9}\n')
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert hasher.hash(file) == first


def test_a_process_is_its_pid_and_its_start() -> None:
    ticks = started_ticks(os.getpid())
    assert ticks is not None
    assert is_same(os.getpid(), ticks)
    assert not is_same(os.getpid(), ticks + 1)
    assert started_ticks(2**22 + 1) is None
    assert os.getpid() not in pids_with_environment("PATH=" + os.environ["PATH"])
