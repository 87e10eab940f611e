"""What Axolotl is started with, and that every change to what was asked is told."""

from core.spec.axolotl_config import Place, complete
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
