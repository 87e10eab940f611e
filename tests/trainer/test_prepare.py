"""The parts of a preparation that need no Axolotl; the whole is in tests/e2e/test_preparing.py."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pynvml
import pytest

from core.errors import RecordError
from core.paths import CODE_ROOT
from core.run.preparation import load_preparation
from trainer.prepare import Progress, find_compute_capability, read_model, tell, with_unseen_gpu
from trainer.weight_files import check_weights, find_weight_files, read_ahead


def write_weights(path: Path) -> Path:
    """A safetensors file with one small tensor."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    return path


def write_index(folder: Path, *names: str) -> None:
    record = {"weight_map": {f"w{number}": name for number, name in enumerate(names)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(record))


def test_a_model_has_the_files_that_transformers_would_load(tmp_path: Path) -> None:
    assert find_weight_files(tmp_path) == []
    for name in ("consolidated.safetensors", "pytorch_model.bin", "optimizer.pt"):
        (tmp_path / name).touch()
    assert find_weight_files(tmp_path) == [tmp_path / "pytorch_model.bin"]
    whole = write_weights(tmp_path / "model.safetensors")
    assert find_weight_files(tmp_path) == [whole]
    check_weights([whole])
    assert read_ahead([whole])


def test_a_file_that_the_index_names_but_is_missing_is_told(tmp_path: Path) -> None:
    write_weights(tmp_path / "model-1.safetensors")
    write_index(tmp_path, "model-1.safetensors", "model-2.safetensors")
    with pytest.raises(RecordError, match=r"^model-2\.safetensors of the base model is missing$"):
        read_model(str(tmp_path), tmp_path)


@pytest.mark.parametrize("text", ["[]", "{", '{"weight_map": 3}'])
def test_an_index_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(RecordError, match="index"):
        find_weight_files(tmp_path)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "model.safetensors")
    with path.open("r+b") as file:
        file.truncate(40)
    with pytest.raises(RecordError, match=r"^model\.safetensors of the base model is cut off"):
        read_model(str(tmp_path), tmp_path)


def test_a_model_that_is_not_here_yet_is_no_trouble(tmp_path: Path) -> None:
    read_model("nobody/has-this", tmp_path)


def test_files_larger_than_the_memory_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(1 << 42)
    assert not read_ahead([path])


def test_the_record_tells_the_stage_its_seconds_and_the_error(tmp_path: Path) -> None:
    path = tmp_path / "prepared.json"
    progress = Progress(path)
    progress.begin("imports")
    assert load_preparation(path).stage == "imports"
    progress.begin("dataset")
    progress.tell_rows(12)
    progress.fail(tell(KeyError("instruction")))
    found = load_preparation(path)
    assert (found.stage, found.rows, found.error) == ("dataset", 12, "KeyError: 'instruction'")
    assert found.seconds.keys() == {"imports", "dataset"}
    assert tell(RecordError("the file is empty")) == "the file is empty"


def give_gpus(monkeypatch: pytest.MonkeyPatch, *capabilities: tuple[int, int]) -> None:
    """A driver that knows GPUs which can do so much."""
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: len(capabilities))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
    monkeypatch.setattr(
        pynvml, "nvmlDeviceGetCudaComputeCapability", lambda index: capabilities[index]
    )


def ask_axolotl() -> tuple[dict, dict]:
    """What Axolotl finds where no GPU is visible."""
    capabilities = {"bf16": False, "tf32": False, "fp8": False, "n_gpu": 1}
    return capabilities | {"compute_capability": None}, {"torch_version": "2.13.0"}


def test_axolotl_is_told_of_the_best_gpu_that_it_does_not_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give_gpus(monkeypatch, (7, 5), (8, 6))
    capabilities, environment = with_unseen_gpu(ask_axolotl)()
    assert capabilities == {
        "bf16": True,
        "tf32": True,
        "fp8": False,
        "n_gpu": 1,
        "compute_capability": "sm_86",
    }
    assert environment == {"torch_version": "2.13.0"}


def test_without_a_driver_or_a_gpu_axolotl_believes_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    give_gpus(monkeypatch)
    assert find_compute_capability() is None

    def fail() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    assert with_unseen_gpu(ask_axolotl)() == ask_axolotl()


def test_a_preparation_takes_only_what_others_leave(tmp_path: Path) -> None:
    """Also where the kernel shares the processor out by session, whatever the niceness in it."""
    script = (
        "import os, sys; from pathlib import Path; from trainer import prepare\n"
        "prepare.prepare = lambda *_: print(os.nice(0),"
        " Path('/proc/self/autogroup').exists() and Path('/proc/self/autogroup').read_text())\n"
        "prepare.main(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(CODE_ROOT)},
        start_new_session=True,
        capture_output=True,
        text=True,
    )
    niceness, *session = done.stdout.split()
    assert niceness == "19", done.stderr
    assert session[-1] in ("19", "False")
