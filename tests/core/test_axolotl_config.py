"""What Axolotl is started with, and that every change to what was asked is told."""

from dataclasses import replace

import pytest

from core.spec.axolotl_config import Place, complete, shrunk_micro_batch
from core.spec.safety import OWN_PLUGIN

ASKED = {"base_model": "./m", "adapter": "lora", "learning_rate": 1e-4, "bf16": True}
ON_GPU = Place("./runs/x/output", "./runs/.prepared/k", on_cpu=False)
ON_CPU = Place("./runs/x/output", "./runs/.prepared/k", on_cpu=True)


def test_every_difference_to_what_was_asked_is_listed() -> None:
    for place in (ON_GPU, ON_CPU):
        config, changes = complete({**ASKED, "flash_attention": True}, place)
        differing = {
            key for key in {*config, "flash_attention"} if config.get(key) != ASKED.get(key)
        }
        assert differing - {"flash_attention"} <= {change.key for change in changes}
        assert ("flash_attention" in config) != place.on_cpu


def test_on_a_gpu_nothing_about_the_training_is_touched() -> None:
    config, _ = complete({**ASKED, "seed": 7}, ON_GPU)
    added = set(config) - set(ASKED)
    assert added == {"plugins", "output_dir", "dataset_prepared_path", "seed"}
    assert {key: config[key] for key in ASKED} == ASKED
    assert config["seed"] == 7


def test_on_the_cpu_what_needs_a_gpu_is_off() -> None:
    asked = {
        **ASKED,
        "flash_attention": True,
        "deepspeed": "./zero.json",
        "attn_implementation": "flash_attention_2",
        "plugins": ["axolotl.integrations.liger.LigerPlugin"],
        "liger_rope": True,
    }
    config, changes = complete(asked, ON_CPU)
    assert config["bf16"] is config["fp16"] is config["tf32"] is False
    assert config["lora_mlp_kernel"] is False
    assert config["attn_implementation"] == "sdpa"
    assert config["plugins"] == [OWN_PLUGIN]
    assert not {"flash_attention", "deepspeed", "liger_rope"} & set(config)
    assert "bf16: False (was True), no GPU is used" in map(str, changes)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, False),
        ({"pad_to_sequence_len": True}, True),
        ({"sample_packing": True}, None),
        ({"eval_sample_packing": True}, None),
    ],
)
def test_a_cpu_pads_no_further_than_to_the_longest_row(
    asked: dict[str, bool], expected: bool | None
) -> None:
    config, changes = complete(ASKED | asked, ON_CPU)
    assert config.get("pad_to_sequence_len") is expected
    assert ("pad_to_sequence_len" in {change.key for change in changes}) == (not asked)
    assert "pad_to_sequence_len" not in complete(ASKED, ON_GPU)[0]


def test_other_plugins_stay_and_ours_comes_once() -> None:
    config, _ = complete({**ASKED, "plugins": ["a.B", OWN_PLUGIN]}, ON_GPU)
    assert config["plugins"] == ["a.B", OWN_PLUGIN]


def test_a_bare_no_means_no() -> None:
    config, _ = complete({**ASKED, "save_strategy": False}, ON_GPU)
    assert config["save_strategy"] == "no"


def test_completing_a_completed_config_changes_nothing() -> None:
    config, _ = complete(ASKED, ON_CPU)
    again, changes = complete(config, ON_CPU)
    assert (again, changes) == (config, [])


def test_a_run_can_be_gone_on_with_by_default() -> None:
    asked = {
        **ASKED,
        "save_only_model": True,
        "save_total_limit": 1,
        "auto_resume_from_checkpoints": True,
    }
    config, changes = complete(asked, ON_GPU)
    assert config["save_only_model"] is False
    assert config["save_total_limit"] == 2
    assert config["auto_resume_from_checkpoints"] is False
    assert {"save_only_model", "save_total_limit"} <= {change.key for change in changes}
    assert complete({**ASKED, "save_total_limit": 9}, ON_GPU)[0]["save_total_limit"] == 9


def test_the_checkpoint_to_go_on_from_is_named_and_told() -> None:
    place = replace(ON_GPU, resume_from="./runs/x/output/checkpoint-7")
    asked = {**ASKED, "resume_from_checkpoint": "./mine"}
    config, changes = complete(asked, place)
    assert config["resume_from_checkpoint"] == "./runs/x/output/checkpoint-7"
    assert any("(was ./mine)" in str(change) for change in changes)
    assert complete(asked, ON_GPU)[0]["resume_from_checkpoint"] == "./mine"


@pytest.mark.parametrize(
    ("micro", "accumulation", "shrinks", "smaller"),
    [(8, None, 1, 4), (8, 2, 2, 2), (8, 1, 9, 1), (1, 4, 1, 1), (5, 1, 1, 1), (6, 3, 2, 1)],
)
def test_a_shrunk_run_sees_as_many_rows_per_step_as_before(
    micro: int, accumulation: int | None, shrinks: int, smaller: int
) -> None:
    asked = {**ASKED, "micro_batch_size": micro, "eval_batch_size": 64}
    asked |= {"gradient_accumulation_steps": accumulation} if accumulation else {}
    config, changes = complete(asked, replace(ON_GPU, shrinks=shrinks))
    assert shrunk_micro_batch(asked, shrinks) == smaller == config["micro_batch_size"]
    assert smaller * config.get("gradient_accumulation_steps", 1) == micro * (accumulation or 1)
    if smaller < micro:
        assert config["eval_batch_size"] == smaller
        assert {"micro_batch_size", "gradient_accumulation_steps"} <= {c.key for c in changes}


def test_nothing_is_shrunk_unless_asked() -> None:
    asked = {**ASKED, "micro_batch_size": 8, "eval_batch_size": 16, "auto_find_batch_size": True}
    config, _ = complete(asked, ON_GPU)
    assert {key: config[key] for key in asked} == asked
