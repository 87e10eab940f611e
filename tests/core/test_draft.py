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
from core.spec.draft import (
    LEARNING_RATES,
    METHODS,
    PRECISIONS,
    Draft,
    count_steps,
    find_doubts,
    from_spec,
    to_spec,
    to_yaml,
)

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

    assert (spec.name, spec.gpu_count) == ("x", gpus)
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

    for words in ("10,000 tokens", "less than one row", "the dataset has 100", "on the CPU"):
        assert words in doubts
    assert find_doubts(DRAFT, make_dataset(workspace)) == []
