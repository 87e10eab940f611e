"""The room a run needs is told from the names and shapes in its model's files."""

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from core.errors import RecordError
from core.run.disk_need import SMALL_FILES_BYTES, DiskNeed, folder_bytes, predict_need
from core.spec.run_spec import RunSpec
from core.weights import find_model, read_weights

TOKENIZER = 1000
SHAPES = {
    "model.embed_tokens.weight": [100, 8],
    "model.layers.0.self_attn.q_proj.weight": [8, 8],
    "model.layers.0.mlp.up_proj.weight": [16, 8],
    "model.layers.0.mlp.up_proj.bias": [16],
    "model.layers.0.mlp.experts.weight": [4, 8, 8],
    "model.norm.weight": [8],
    "lm_head.weight": [100, 8],
}
EMBEDDING, Q, UP, BIAS, EXPERTS, NORM, HEAD = 800, 64, 128, 16, 256, 8, 800
ALL = EMBEDDING + Q + UP + BIAS + EXPERTS + NORM + HEAD


def write_weights(
    path: Path, shapes: dict[str, list[int]], dtype: str = "BF16", **more: Any
) -> None:
    """A safetensors file as far as its header, which is all that is read."""
    entries = {name: {"dtype": dtype, "shape": shape} for name, shape in shapes.items()}
    header = json.dumps({"__metadata__": {"format": "pt"}, **entries, **more}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(header).to_bytes(8, "little") + header)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with a small model in `models/tiny`."""
    folder = tmp_path / "models" / "tiny"
    write_weights(folder / "model.safetensors", SHAPES)
    (folder / "tokenizer.json").write_bytes(b"x" * TOKENIZER)
    return tmp_path


def spec(**axolotl: Any) -> RunSpec:
    return RunSpec("x", {"base_model": "./models/tiny", **axolotl})


def need(root: Path, on_cpu: bool = False, **axolotl: Any) -> DiskNeed:
    found = predict_need(spec(**axolotl), root, on_cpu)
    assert found
    return found


def numbers(found: DiskNeed) -> tuple[int, int]:
    """The bytes of weights in the result, and of the optimizer's state in a checkpoint."""
    rest = TOKENIZER + SMALL_FILES_BYTES
    return found.result_bytes - rest, found.checkpoint_bytes - found.result_bytes


def test_full_fine_tuning_saves_every_weight_and_two_moments_of_it(root: Path) -> None:
    assert numbers(need(root)) == (2 * ALL, 4 * ALL)
    assert numbers(need(root, bf16=False, fp16=True)) == (2 * ALL, 4 * ALL)
    assert numbers(need(root, bf16=False)) == (4 * ALL, 8 * ALL)
    assert numbers(need(root, on_cpu=True, bf16=True)) == (4 * ALL, 8 * ALL)


@pytest.mark.parametrize(
    ("optimizer", "state"),
    [
        ("adamw_bnb_8bit", 2 * (ALL - EMBEDDING) + 8 * EMBEDDING),
        ("lion_8bit", (ALL - EMBEDDING) + 4 * EMBEDDING),
        ("paged_adamw_32bit", 8 * ALL),
        ("adafactor", 0),
        ("ademamix", 6 * ALL),
        ("ao_adamw_4bit", ALL),
    ],
)
def test_optimizers_remember_different_amounts(root: Path, optimizer: str, state: int) -> None:
    assert numbers(need(root, optimizer=optimizer)) == (2 * ALL, state)


@pytest.mark.parametrize(
    ("config", "values"),
    [
        ({"lora_target_linear": True}, 4 * (16 + 24)),
        ({}, 4 * (16 + 24)),
        ({"lora_target_modules": ["q_proj"]}, 4 * 16),
        ({"lora_target_modules": ["q_proj"], "lora_target_linear": True}, 4 * (16 + 24)),
        # A pattern is taken for all that it could name.
        ({"lora_target_modules": "(a+)+$"}, 4 * (16 + 24)),
        ({"lora_modules_to_save": ["lm_head"]}, 4 * (16 + 24) + HEAD),
    ],
)
def test_lora_saves_narrow_matrices_beside_those_it_targets(
    root: Path, config: dict[str, Any], values: int
) -> None:
    found = need(root, adapter="lora", lora_r=4, **config)
    assert numbers(found) == (4 * values, 8 * values)


def test_a_matrix_packed_into_4_bits_counts_by_the_numbers_in_it(root: Path) -> None:
    packed = {"model.layers.0.self_attn.q_proj.weight": [512, 1]}
    write_weights(root / "models" / "tiny" / "model.safetensors", packed, dtype="U8")
    found = need(root, adapter="qlora", load_in_4bit=True, lora_r=4)
    assert numbers(found)[0] == 4 * 4 * (32 + 32)


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        # A fifth is written before the first of four goes.
        ({"save_steps": 50}, 5),
        ({"save_steps": 50, "save_total_limit": 2}, 3),
        ({"save_steps": 50, "max_steps": 100}, 2),
        ({"save_steps": 0.5}, 2),
        ({"num_epochs": 3}, 3),
        ({"num_epochs": 30}, 5),
        ({"num_epochs": 1, "saves_per_epoch": 2}, 2),
        ({"save_strategy": "no"}, 1),
        ({"save_strategy": False}, 1),
        ({"save_strategy": "best"}, 5),
        ({}, 1),
    ],
)
def test_no_more_checkpoints_count_than_lie_there_at_once(
    root: Path, config: dict[str, Any], kept: int
) -> None:
    found = need(root, **config)
    assert found.kept == kept
    assert found.total_bytes == kept * found.checkpoint_bytes + found.result_bytes


def test_a_model_in_parts_is_told_from_all_of_them_and_from_no_other_file(root: Path) -> None:
    folder = root / "models" / "parts"
    write_weights(folder / "consolidated.safetensors", SHAPES)
    for number, (name, shape) in enumerate(SHAPES.items()):
        write_weights(folder / f"model-{number}.safetensors", {name: shape})
    parts = {name: f"model-{number}.safetensors" for number, name in enumerate(SHAPES)}
    index = json.dumps({"weight_map": parts})
    (folder / "model.safetensors.index.json").write_text(index)
    assert sum(weight.values for weight in read_weights(folder)) == ALL
    (folder / "model-3.safetensors").unlink()
    assert predict_need(RunSpec("x", {"base_model": "./models/parts"}), root) is None


def test_a_model_of_the_hub_is_told_once_it_is_in_the_cache(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    asked = RunSpec("x", {"base_model": "org/name-1B"})
    assert predict_need(asked, root) is None
    model = cache / "models--org--name-1B"
    write_weights(model / "snapshots" / "abc123" / "model.safetensors", SHAPES)
    assert find_model("org/name-1B", root) is None
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("abc123\n")
    found = predict_need(asked, root)
    assert found
    assert found.result_bytes == 2 * ALL + SMALL_FILES_BYTES


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a header",
        (2**63).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (9).to_bytes(8, "little") + b'{"a": {}}',
        (9).to_bytes(8, "little") + b'{"a": "b"',
    ],
)
def test_a_damaged_model_has_no_weights_to_tell_and_no_need(root: Path, content: bytes) -> None:
    path = root / "models" / "tiny" / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(RecordError, match="no safetensors file"):
        read_weights(path.parent)
    assert predict_need(spec(), root) is None


def test_an_index_reads_no_file_outside_of_its_model(root: Path) -> None:
    folder = root / "models" / "sly"
    folder.mkdir()
    index = json.dumps({"weight_map": {"a": "../tiny/model.safetensors"}})
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(FileNotFoundError):
        read_weights(folder)


@pytest.mark.parametrize("index", ["{}", '{"weight_map": 5}', '{"weight_map": [1]}', "["])
def test_an_index_that_names_no_weights_is_refused(root: Path, index: str) -> None:
    folder = root / "models" / "tiny"
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(RecordError):
        read_weights(folder)
    assert predict_need(spec(), root) is None


@pytest.mark.parametrize(
    "config",
    [
        {"base_model": "./models/none"},
        {"adapter": "lora"},
        {"adapter": "lora", "lora_r": 4, "lora_target_modules": ["no_such_layer"]},
        {"adapter": "llama-adapter"},
    ],
)
def test_what_cannot_be_told_is_not_guessed(root: Path, config: dict[str, Any]) -> None:
    assert predict_need(spec(**config), root) is None


def test_a_folder_is_as_large_as_all_files_in_it(tmp_path: Path) -> None:
    assert folder_bytes(tmp_path / "none") == 0
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a").write_bytes(b"x" * 1000)
    (tmp_path / "b").write_bytes(b"x" * 24)
    assert folder_bytes(tmp_path) == 1024
