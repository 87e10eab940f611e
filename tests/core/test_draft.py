"""The form of a new run and the spec it stands for."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from core.clock import now
from core.dataset.card import Dataset, Report
from core.paths import CODE_ROOT, Workspace
from core.safe_yaml import load_yaml_mapping
from core.settings import Settings
from core.spec.check import check_spec
from core.spec.draft import LEARNING_RATES, METHODS, PRECISIONS, Draft
from core.spec.draft_doubt import find_doubts, find_errors, find_limit_errors
from core.spec.draft_read import find_losses, from_spec
from core.spec.draft_steps import count_steps
from core.spec.draft_write import to_spec, to_yaml

DRAFT = Draft(name="x", dataset="d")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    model = tmp_path / "models" / "starter"
    model.mkdir(parents=True)
    (model / "config.json").touch()
    (model / "model.safetensors").touch()
    return Workspace(tmp_path)


def make_dataset(workspace: Workspace, form: str = "messages", validation_rows: int = 0) -> Dataset:
    paths = workspace.dataset("d")
    paths.folder.mkdir(parents=True, exist_ok=True)
    paths.train.write_text("{}\n")
    paths.validation.write_text("{}\n")
    return Dataset(paths, form, rows=100, created_at=now(), validation_rows=validation_rows)


@pytest.mark.parametrize(
    ("method", "form", "validation_rows", "gpus", "precision", "packing"),
    list(
        itertools.product(
            METHODS, ("messages", "text"), (0, 10), (0, 1, 2), PRECISIONS, (False, True)
        )
    ),
)
def test_every_combination_of_the_form_can_be_queued(
    workspace: Workspace,
    method: str,
    form: str,
    validation_rows: int,
    gpus: int,
    precision: str,
    packing: bool,
) -> None:
    dataset = make_dataset(workspace, form, validation_rows)
    draft = replace(
        DRAFT,
        method=method,
        gpus=gpus,
        precision=precision,
        sample_packing=packing,
        val_set_size=0.1,
    )

    spec = check_spec(to_yaml(draft, dataset), "y", workspace.root, Settings())

    assert (spec.name, spec.gpus) == ("x", gpus)
    assert spec.method.lower() == method
    assert spec.datasets == ("./uploads/d/train.jsonl",)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", ["messages", "text"])
def test_a_spec_read_back_gives_the_same_form_and_the_same_spec(
    workspace: Workspace, method: str, form: str
) -> None:
    dataset = make_dataset(workspace, form)
    draft = replace(DRAFT, method=method, val_set_size=0.2, learning_rate=3e-5, seed=7, gpus=2)
    spec = to_spec(draft, dataset)

    again = from_spec(load_yaml_mapping(to_yaml(draft, dataset)))

    assert to_spec(again, dataset) == spec
    unused = {"extra": {}} if method != "full" else {"extra": {}, "lora_r": 16}
    assert replace(again, **unused) == replace(draft, **unused)  # type: ignore[arg-type]


@pytest.mark.parametrize("preset", sorted((CODE_ROOT / "configs" / "presets").glob("*.yaml")))
def test_a_preset_taken_through_the_form_says_the_same(workspace: Workspace, preset: Path) -> None:
    asked = load_yaml_mapping(preset.read_bytes())
    draft = replace(from_spec(asked), dataset="d")

    spec = to_spec(draft, make_dataset(workspace, validation_rows=10))

    about_data = ("datasets", "test_datasets", "run")
    changed = {
        key: (value, spec.get(key))
        for key, value in asked.items()
        if key not in about_data and spec.get(key) != value
    }
    assert changed == {}
    assert spec["run"] == asked["run"]


def test_the_run_block_comes_first(workspace: Workspace) -> None:
    assert to_yaml(DRAFT, make_dataset(workspace)).startswith("run:\n  name: x\n")


def test_rows_set_aside_by_the_dataset_replace_a_fraction(workspace: Workspace) -> None:
    spec = to_spec(replace(DRAFT, val_set_size=0.1), make_dataset(workspace, validation_rows=10))

    assert "val_set_size" not in spec
    assert spec["test_datasets"][0]["path"] == "./uploads/d/validation.jsonl"


def test_nothing_is_validated_without_validation_rows(workspace: Workspace) -> None:
    draft = replace(DRAFT, extra={"eval_steps": 5, "optimizer": "sgd"})
    spec = to_spec(draft, make_dataset(workspace))

    assert not [key for key in spec if key.startswith("eval")]
    assert spec["optimizer"] == "sgd"


def test_keys_without_a_field_are_kept_and_win(workspace: Workspace) -> None:
    asked = {"save_steps": 7, "warmup_steps": 3, "weight_decay": 0.1, "run": {"priority": 5}}

    spec = to_spec(replace(from_spec(asked), name="x"), make_dataset(workspace))

    assert (spec["save_steps"], spec["warmup_steps"], spec["weight_decay"]) == (7, 3, 0.1)
    assert "saves_per_epoch" not in spec and "warmup_ratio" not in spec
    assert spec["run"]["priority"] == 5


@pytest.mark.parametrize(
    "broken",
    [
        {"learning_rate": "fast", "lora_r": -3, "num_epochs": True, "run": 5, "datasets": "x"},
        {"datasets": [3], "run": {"gpus": "all"}, "micro_batch_size": 10**9},
        {"datasets": [], "base_model": None, "adapter": 7},
    ],
)
def test_a_strange_preset_leaves_the_defaults(broken: dict[str, object]) -> None:
    draft = from_spec(broken)

    assert draft.lora_r == 16
    assert draft.num_epochs == 3.0
    assert draft.gpus == 1
    assert draft.learning_rate == LEARNING_RATES["full"]


def test_the_steps_are_those_of_effective_batches(workspace: Workspace) -> None:
    dataset = make_dataset(workspace)

    assert DRAFT.effective_batch == 8
    assert count_steps(DRAFT, dataset) == 38
    assert count_steps(replace(DRAFT, gpus=2, val_set_size=0.2), dataset) == 15


def test_what_may_not_be_meant_is_said(workspace: Workspace) -> None:
    dataset = replace(make_dataset(workspace), report=Report(longest_characters=40_000))
    draft = replace(DRAFT, micro_batch_size=50, gpus=0, method="qlora", val_set_size=0.001)

    doubts = " ".join(find_doubts(draft, dataset))

    for words in ("10,000 tokens", "a single row", "the dataset has 100", "on the CPU"):
        assert words in doubts
    assert find_doubts(DRAFT, make_dataset(workspace)) == []


def test_the_end_of_a_turn_is_written_where_the_models_own_template_is_used(
    workspace: Workspace,
) -> None:
    draft = replace(DRAFT, turn_end="<end_of_turn>")
    chat, text = make_dataset(workspace), make_dataset(workspace, "text")

    spec = to_spec(draft, chat)

    assert spec["eot_tokens"] == ["<end_of_turn>"]
    assert check_spec(to_yaml(draft, chat), "y", workspace.root, Settings())
    assert to_spec(from_spec(spec), chat) == spec
    assert "eot_tokens" not in to_spec(replace(from_spec(spec), turn_end=""), chat)
    assert "eot_tokens" not in to_spec(replace(draft, chat_template="chatml"), chat)
    assert "eot_tokens" not in to_spec(draft, text)


def test_ends_of_turns_that_a_person_chose_are_kept(workspace: Workspace) -> None:
    asked = {"chat_template": "chatml", "eot_tokens": ["<|im_end|>"]}
    assert to_spec(from_spec(asked), make_dataset(workspace))["eot_tokens"] == ["<|im_end|>"]


@pytest.mark.parametrize(
    ("config", "lost"),
    [
        ({"datasets": [{"path": "./uploads/d/train.jsonl", "type": "chat_template"}]}, []),
        ({"datasets": [{"path": "./uploads/d/train.jsonl"}, {"path": "x"}]}, ["datasets"]),
        ({"datasets": [{"path": "org/name", "type": "alpaca"}]}, ["datasets"]),
        (
            {"datasets": [{"path": "./uploads/d/train.jsonl", "roles_to_train": ["user"]}]},
            ["datasets[0].roles_to_train"],
        ),
        ({"test_datasets": [{"path": "./uploads/e/validation.jsonl"}]}, ["test_datasets"]),
        ({"adapter": "lora", "load_in_8bit": True}, ["load_in_8bit"]),
        ({"adapter": "lora", "load_in_4bit": True}, ["load_in_4bit"]),
        ({"adapter": "llama-adapter"}, ["adapter"]),
        ({"gradient_checkpointing": "offload"}, ["gradient_checkpointing"]),
        ({"bf16": "full", "lora_r": 5000}, ["bf16", "lora_r"]),
        ({"run": {"gpus": [1]}}, ["run.gpus"]),
        ({"weight_decay": 0.1, "num_epochs": 2, "adapter": "qlora", "load_in_4bit": True}, []),
    ],
)
def test_what_the_form_cannot_hold_is_named(config: dict[str, object], lost: list[str]) -> None:
    assert find_losses(config) == lost


@pytest.mark.parametrize("preset", sorted((CODE_ROOT / "configs" / "presets").glob("*.yaml")))
def test_nothing_of_our_presets_is_lost_in_the_form(preset: Path) -> None:
    assert find_losses(load_yaml_mapping(preset.read_bytes())) == []


@pytest.mark.parametrize(
    ("part", "fits"), [(1.0, False), (100.0, False), (99.0, True), (0.5, True)]
)
def test_validation_that_leaves_no_row_to_train_on_is_an_error(
    workspace: Workspace, part: float, fits: bool
) -> None:
    assert (find_errors(replace(DRAFT, val_set_size=part), make_dataset(workspace)) == []) is fits


def test_a_number_beyond_its_limits_is_named_with_them(workspace: Workspace) -> None:
    dataset = make_dataset(workspace)
    draft = replace(DRAFT, micro_batch_size=0, num_epochs=0.0, sequence_len=2_000_000, seed=7)

    assert find_errors(draft, dataset) == [
        "`num_epochs` must be from 0.01 to 1,000, not 0.",
        "`micro_batch_size` must be from 1 to 1,024, not 0.",
        "`sequence_len` must be from 8 to 1,048,576, not 2,000,000.",
    ]


def test_a_number_that_the_spec_does_without_can_be_anything(workspace: Workspace) -> None:
    draft = replace(DRAFT, method="full", lora_r=0, val_set_size=-1.0)

    assert find_limit_errors(draft, make_dataset(workspace, validation_rows=10)) == []
    assert len(find_limit_errors(draft, make_dataset(workspace))) == 1
    assert len(find_limit_errors(replace(DRAFT, lora_r=0), make_dataset(workspace))) == 1


def test_a_number_of_steps_in_the_spec_decides(workspace: Workspace) -> None:
    dataset = make_dataset(workspace)
    draft = replace(DRAFT, extra={"max_steps": 2000})

    assert count_steps(draft, dataset) == 2000
    assert to_spec(draft, dataset)["logging_steps"] == 4


def test_a_short_training_is_validated_twice(workspace: Workspace) -> None:
    dataset = make_dataset(workspace, validation_rows=10)

    assert to_spec(replace(DRAFT, num_epochs=0.1), dataset)["evals_per_epoch"] == 20
    assert to_spec(DRAFT, dataset)["evals_per_epoch"] == 2


def test_a_long_epoch_is_saved_several_times(workspace: Workspace) -> None:
    dataset = replace(make_dataset(workspace), rows=40_000)

    assert to_spec(DRAFT, dataset)["saves_per_epoch"] == 10
    assert to_spec(DRAFT, make_dataset(workspace))["saves_per_epoch"] == 1


def test_long_texts_make_more_steps_than_rows(workspace: Workspace) -> None:
    report = Report(total_characters=100 * 4 * 1024 * 3)
    dataset = replace(make_dataset(workspace, "text"), report=report)

    assert count_steps(replace(DRAFT, num_epochs=1.0), dataset) == 38
    short = replace(dataset, report=Report(total_characters=100))
    assert count_steps(replace(DRAFT, num_epochs=1.0), short) == 13


def test_length_is_told_by_bytes_and_before_it_is_certain(workspace: Workspace) -> None:
    report = Report(longest_characters=1_200, longest_bytes=3_600)
    dataset = replace(make_dataset(workspace), report=report)

    assert "about 900 tokens" in find_doubts(DRAFT, dataset)[0]
    assert find_doubts(replace(DRAFT, sequence_len=2048), dataset) == []


def test_full_training_in_fp16_is_doubted(workspace: Workspace) -> None:
    draft = replace(DRAFT, method="full", precision="fp16")
    assert "fp16 mostly fails" in find_doubts(draft, make_dataset(workspace))[0]
