"""A run goes on from a checkpoint only if nothing of it was lost."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.run import damage
from core.run.checkpoint import find_resume, find_trouble, quarantine

NEEDED = (
    "adapter_config.json",
    "adapter_model.safetensors",
    "optimizer.pt",
    "rng_state.pth",
    "scheduler.pt",
    "tokens_state.json",
    "trainer_state.json",
    "training_args.bin",
)
STATEFUL = tuple(name for name in NEEDED if name not in ("tokens_state.json", "training_args.bin"))
SMALL_EXAMPLES = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as the trainer saves it, by the libraries that it uses."""
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("output") / "checkpoint-60"
    folder.mkdir()
    weights = {f"layers.{n}.q_proj.lora_A.weight": torch.randn(8, 64) for n in range(4)}
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    moments = {
        n: {"step": torch.tensor(60.0), "exp_avg": w} for n, w in enumerate(weights.values())
    }
    torch.save({"state": moments, "param_groups": [{"lr": 1e-4}]}, folder / "optimizer.pt")
    torch.save({"last_epoch": 60, "_step_count": 61}, folder / "scheduler.pt")
    torch.save({"cpu": torch.random.get_rng_state()}, folder / "rng_state.pth")
    torch.save({"learning_rate": 1e-4}, folder / "training_args.bin")
    save_json(folder / "adapter_config.json", {"peft_type": "LORA", "r": 8})
    save_json(folder / "tokens_state.json", {"total": 61440, "trainable": 12000})
    save_json(folder / "trainer_state.json", {"global_step": 60, "max_steps": 90, "epoch": 1.5})
    (folder / "README.md").write_text("card")
    return folder


def save_json(path: Path, record: dict) -> None:
    path.write_text(json.dumps(record, indent=2) + "\n")


@pytest.fixture
def checkpoint(saved: Path, tmp_path: Path) -> Path:
    return copy(saved, tmp_path / "output", 60)


def copy(saved: Path, output: Path, step: int) -> Path:
    folder = output / f"checkpoint-{step}"
    shutil.copytree(saved, folder)
    save_json(folder / "trainer_state.json", {"global_step": step, "max_steps": 90})
    return folder


def halve(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def test_a_whole_checkpoint_has_no_trouble(checkpoint: Path) -> None:
    assert find_trouble(checkpoint) == ""


DAMAGES = {
    "no state": (
        lambda c: (c / "trainer_state.json").unlink(),
        "is unfinished (it has no trainer_",
    ),
    "half state": (
        lambda c: halve(c / "trainer_state.json"),
        "trainer_state.json of checkpoint-60",
    ),
    "half optimizer": (lambda c: halve(c / "optimizer.pt"), "optimizer.pt of checkpoint-60 is cut"),
    "empty optimizer": (lambda c: (c / "optimizer.pt").write_bytes(b""), "checkpoint-60 is empty"),
    "half adapter": (lambda c: halve(c / "adapter_model.safetensors"), "is cut off or damaged"),
    "no adapter": (lambda c: (c / "adapter_model.safetensors").unlink(), "60 has no weights"),
    "nothing": (lambda c: [path.unlink() for path in c.iterdir()], "checkpoint-60 is empty"),
    "no optimizer": (lambda c: (c / "optimizer.pt").unlink(), "60 has no optimizer.pt"),
    "no schedule": (lambda c: (c / "scheduler.pt").unlink(), "60 has no scheduler.pt"),
    "no rng": (lambda c: (c / "rng_state.pth").unlink(), "60 has no rng_state.pth"),
    "pickle": (
        lambda c: (c / "optimizer.pt").write_bytes(b"cos\nsystem\n(S'x'\ntR."),
        "is cut off",
    ),
    "other step": (
        lambda c: save_json(c / "trainer_state.json", {"global_step": 40}),
        "trainer_state.json of checkpoint-60 is of step 40",
    ),
    "no adapter config": (lambda c: (c / "adapter_config.json").unlink(), "no adapter_config.json"),
    "link to nothing": (
        lambda c: ((c / "scheduler.pt").unlink(), (c / "scheduler.pt").symlink_to("/nowhere/x")),
        "60 has no scheduler.pt",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_told_in_one_sentence(checkpoint: Path, name: str) -> None:
    harm, sentence = DAMAGES[name]
    harm(checkpoint)
    assert sentence in find_trouble(checkpoint)


@pytest.mark.parametrize("name", STATEFUL)
def test_a_missing_file_that_a_resume_reads_is_noticed(checkpoint: Path, name: str) -> None:
    (checkpoint / name).unlink()
    assert find_trouble(checkpoint)


def trouble_with(saved: Path, name: str, content: bytes) -> str:
    """What is said of a whole checkpoint once one of its files holds this."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = copy(saved, Path(folder), 60)
        (checkpoint / name).write_bytes(content)
        return find_trouble(checkpoint)


@given(data=st.data(), name=st.sampled_from(NEEDED))
@SMALL_EXAMPLES
def test_a_file_cut_off_anywhere_is_noticed(saved: Path, data: st.DataObject, name: str) -> None:
    whole = (saved / name).read_bytes()
    # JSON without its last line end is still whole.
    end = len(whole) - (2 if name.endswith(".json") else 1)
    assert name in trouble_with(saved, name, whole[: data.draw(st.integers(0, end))])


@given(data=st.data(), name=st.sampled_from(NEEDED))
@SMALL_EXAMPLES
def test_zeros_up_to_the_end_are_noticed(saved: Path, data: st.DataObject, name: str) -> None:
    whole = (saved / name).read_bytes()
    # Of safetensors only the header tells; zeros that never reached the disk are tested below.
    # The last 22 bytes of an archive say again what stands before them.
    header = 8 + int.from_bytes(whole[:8], "little")
    last = header - 1 if name.endswith(".safetensors") else len(whole) - 22
    start = data.draw(st.integers(0, last))
    assert name in trouble_with(saved, name, whole[:start] + bytes(len(whole) - start))


@given(data=st.data(), name=st.sampled_from(NEEDED), noise=st.binary(min_size=1, max_size=64))
@SMALL_EXAMPLES
def test_no_content_makes_the_check_itself_fail(
    saved: Path, data: st.DataObject, name: str, noise: bytes
) -> None:
    whole = (saved / name).read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    spoilt = whole[:start] + noise + whole[start + len(noise) :]
    assert isinstance(trouble_with(saved, name, spoilt), str)
    assert isinstance(trouble_with(saved, name, noise), str)


def test_weights_of_full_size_that_never_reached_the_disk_are_noticed(checkpoint: Path) -> None:
    path = checkpoint / "adapter_model.safetensors"
    header = {"a": {"dtype": "F32", "shape": [1 << 18], "data_offsets": [0, 1 << 20]}}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"\1" * (1 << 20))
    assert find_trouble(checkpoint) == ""
    size = path.stat().st_size
    os.truncate(path, size // 2)
    os.truncate(path, size)
    assert "adapter_model.safetensors of checkpoint-60 is cut off" in find_trouble(checkpoint)


@pytest.mark.parametrize(
    ("offsets", "size"),
    [([[0, 8], [12, 20]], 20), ([[0, 8], [4, 12]], 12), ([[0, 8]], 12), ([], 0), ([[0, -8]], 0)],
)
def test_tensors_that_do_not_fill_their_file_are_noticed(
    checkpoint: Path, offsets: list, size: int
) -> None:
    tensors = {f"t{n}": {"data_offsets": span} for n, span in enumerate(offsets)}
    text = json.dumps({"__metadata__": {"format": "pt"}, **tensors}).encode()
    content = len(text).to_bytes(8, "little") + text + b"\1" * size
    (checkpoint / "adapter_model.safetensors").write_bytes(content)
    assert "adapter_model.safetensors" in find_trouble(checkpoint)


@pytest.mark.parametrize("harm", [None, "cut", "zeros"])
def test_of_a_large_archive_the_headers_tell(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, harm: str | None
) -> None:
    monkeypatch.setattr(damage, "WHOLE_READ_BYTES", 0)
    path = checkpoint / "optimizer.pt"
    content = path.read_bytes()
    half = len(content) // 2
    if harm == "cut":
        path.write_bytes(content[:-1])
    if harm == "zeros":
        path.write_bytes(bytes(half) + content[half:])
    assert bool(find_trouble(checkpoint)) == (harm is not None)


def test_every_shard_that_the_index_names_is_needed(checkpoint: Path) -> None:
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    (checkpoint / "adapter_config.json").unlink()
    (checkpoint / "adapter_model.safetensors").rename(checkpoint / shards[0])
    weight_map = {"a": shards[0], "b": shards[1]}
    save_json(checkpoint / "model.safetensors.index.json", {"weight_map": weight_map})
    assert find_trouble(checkpoint) == f"checkpoint-60 has no {shards[1]}"
    shutil.copy(checkpoint / shards[0], checkpoint / shards[1])
    assert find_trouble(checkpoint) == ""
    halve(checkpoint / shards[1])
    assert shards[1] in find_trouble(checkpoint)


def test_the_random_state_of_every_rank_is_needed(checkpoint: Path) -> None:
    first = (checkpoint / "rng_state.pth").rename(checkpoint / "rng_state_0.pth")
    assert find_trouble(checkpoint) == "checkpoint-60 has no rng_state_1.pth"
    shutil.copy(first, checkpoint / "rng_state_2.pth")
    assert find_trouble(checkpoint) == "checkpoint-60 has no rng_state_1.pth"
    shutil.copy(first, checkpoint / "rng_state_1.pth")
    assert find_trouble(checkpoint) == ""
    # Every rank of ours leaves its losses before anything else.
    for rank in range(4):
        save_json(checkpoint / f"losses_{rank}.json", {"ranks": 4})
    assert find_trouble(checkpoint) == "checkpoint-60 has no rng_state_3.pth"


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_a_fully_trained_model_is_whole_without_an_adapter(checkpoint: Path, weights: str) -> None:
    (checkpoint / "adapter_config.json").unlink()
    adapter = checkpoint / "adapter_model.safetensors"
    if weights.endswith(".bin"):
        shutil.copy(checkpoint / "optimizer.pt", checkpoint / weights)
        adapter.unlink()
    else:
        adapter.rename(checkpoint / weights)
    assert find_trouble(checkpoint) == ""
    halve(checkpoint / weights)
    assert weights in find_trouble(checkpoint)


def test_several_adapters_lie_in_a_folder_each(checkpoint: Path) -> None:
    (checkpoint / "reference").mkdir()
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        (checkpoint / name).rename(checkpoint / "reference" / name)
    assert find_trouble(checkpoint) == ""
    halve(checkpoint / "reference" / "adapter_model.safetensors")
    assert "reference/adapter_model.safetensors" in find_trouble(checkpoint)


def test_shards_of_fsdp_are_whole_once_their_metadata_is_there(checkpoint: Path) -> None:
    (checkpoint / "optimizer.pt").unlink()
    (checkpoint / "adapter_model.safetensors").unlink()
    for name in ("pytorch_model_fsdp_0", "optimizer_0"):
        (checkpoint / name).mkdir()
        (checkpoint / name / "__0_0.distcp").write_bytes(b"shard")
        (checkpoint / name / ".metadata").write_bytes(b"\x80\x04N.")
    assert find_trouble(checkpoint) == ""
    (checkpoint / "optimizer_0" / ".metadata").unlink()
    assert find_trouble(checkpoint) == "checkpoint-60 has no optimizer_0/.metadata"


def test_a_checkpoint_of_deepspeed_is_whole_once_latest_names_its_folder(checkpoint: Path) -> None:
    for name in ("optimizer.pt", "scheduler.pt", "adapter_model.safetensors"):
        (checkpoint / name).unlink()
    (checkpoint / "global_step60").mkdir()
    (checkpoint / "global_step60" / "mp_rank_00_model_states.pt").write_bytes(b"of another kind")
    assert "DeepSpeed" in find_trouble(checkpoint)
    (checkpoint / "latest").write_text("global_step60")
    assert find_trouble(checkpoint) == ""


def test_files_that_no_resume_reads_are_not_looked_at(checkpoint: Path) -> None:
    (checkpoint / "tokenizer.json").write_text("{")
    (checkpoint / "README.md").write_bytes(b"")
    assert find_trouble(checkpoint) == ""


def test_the_newest_whole_checkpoint_is_chosen(saved: Path, tmp_path: Path) -> None:
    for step in (9, 100, 20):
        copy(saved, tmp_path, step)
    found = find_resume(tmp_path)
    assert (found.checkpoint, found.step) == (tmp_path / "checkpoint-100", 100)
    assert found.set_aside == ()


def test_damaged_checkpoints_are_put_aside_and_told(saved: Path, tmp_path: Path) -> None:
    for step in (20, 40, 60, 80):
        copy(saved, tmp_path, step)
    (tmp_path / "checkpoint-80" / "trainer_state.json").unlink()
    (tmp_path / "checkpoint-60" / "optimizer.pt").unlink()
    halve(tmp_path / "checkpoint-20" / "optimizer.pt")
    found = find_resume(tmp_path)
    assert found.step == 40
    assert found.set_aside == (
        "checkpoint-80 is unfinished (it has no trainer_state.json), so it was put aside as "
        "bad-checkpoint-80, which may be deleted.",
        "checkpoint-60 has no optimizer.pt, so it was put aside as bad-checkpoint-60, which may "
        "be deleted.",
    )
    # An older one than that which is chosen is nobody's concern.
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"checkpoint-20", "checkpoint-40", "bad-checkpoint-60", "bad-checkpoint-80"}


def test_when_no_checkpoint_is_whole_all_are_told_and_none_is_chosen(
    saved: Path, tmp_path: Path
) -> None:
    for step in (20, 40):
        halve(copy(saved, tmp_path, step) / "scheduler.pt")
    found = find_resume(tmp_path)
    assert (found.checkpoint, found.step, len(found.set_aside)) == (None, 0, 2)
    again = find_resume(tmp_path)
    assert (again.checkpoint, again.set_aside) == (None, ())


def test_without_checkpoints_a_run_begins_at_the_beginning(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-best").mkdir()
    (tmp_path / "checkpoint-5").write_text("a file")
    assert find_resume(tmp_path) == find_resume(tmp_path / "missing")
    assert find_resume(tmp_path).checkpoint is None


def test_a_second_damaged_checkpoint_of_a_step_gets_a_number(saved: Path, tmp_path: Path) -> None:
    names = [quarantine(copy(saved, tmp_path, 60)).name for _ in range(3)]
    assert names == ["bad-checkpoint-60", "bad-checkpoint-60-2", "bad-checkpoint-60-3"]


def test_what_was_put_aside_does_not_push_out_a_good_checkpoint(
    saved: Path, tmp_path: Path
) -> None:
    from transformers.trainer_utils import get_last_checkpoint, rotate_checkpoints

    for step in (40, 60):
        copy(saved, tmp_path, step)
    quarantine(tmp_path / "checkpoint-60")
    copy(saved, tmp_path, 60)
    rotate_checkpoints(str(tmp_path), save_total_limit=2, use_mtime=True)
    assert (tmp_path / "checkpoint-40").is_dir()
    assert get_last_checkpoint(str(tmp_path)) == str(tmp_path / "checkpoint-60")
