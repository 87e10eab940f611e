"""A spec is parsed at the door: what is wrong is told by key, with what to do."""

import re
from pathlib import Path

import pytest

from core.errors import SpecError
from core.safe_yaml import dump_yaml
from core.settings import Settings
from core.spec.axolotl_schema import describe, find_problems, known_keys, load_schema
from core.spec.check import check_spec
from core.spec.run_spec import parse_spec
from core.spec.values import find_value_problems

GOOD = {
    "base_model": "./models/tiny",
    "datasets": [{"path": "./uploads/qa/train.jsonl", "type": "chat_template"}],
    "adapter": "lora",
    "lora_r": 8,
    "learning_rate": 1e-4,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    model = tmp_path / "models" / "tiny"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"x")
    data = tmp_path / "uploads" / "qa"
    data.mkdir(parents=True)
    (data / "train.jsonl").write_text('{"messages": []}\n')
    return tmp_path


def refusal(root: Path, settings: Settings | None = None, **changes: object) -> str:
    text = dump_yaml({**GOOD, **changes})
    with pytest.raises(SpecError) as caught:
        check_spec(text, "name", root, settings or Settings())
    return str(caught.value)


def test_a_plain_axolotl_config_is_a_spec(root: Path) -> None:
    spec = check_spec(dump_yaml(GOOD), "my-run", root, Settings())
    assert (spec.name, spec.gpus, spec.method) == ("my-run", 1, "LoRA")
    assert spec.axolotl == GOOD
    assert spec.datasets == ("./uploads/qa/train.jsonl",)


def test_the_run_block_is_taken_out_of_what_axolotl_gets() -> None:
    spec = parse_spec(dump_yaml({"run": {"name": "A b", "gpus": [1, 0]}, **GOOD}), "x")
    assert (spec.name, spec.gpus) == ("A b", (1, 0))
    assert "run" not in spec.axolotl


def test_keys_set_to_nothing_count_as_not_given() -> None:
    assert parse_spec(dump_yaml({**GOOD, "wandb_project": None}), "x").axolotl == GOOD


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learning_rte": 5}, "Did you mean `learning_rate`?"),
        ({"no_such_thing_at_all": 5}, "Remove it."),
        ({"micro_batch_size": "two"}, '`micro_batch_size` cannot be "two": expected a whole'),
        ({"datasets": []}, "at least one entry"),
        ({"datasets": [{"path": "./uploads/qa/train.jsonl", "typ": "alpaca"}]}, "mean `type`?"),
        ({"learning_rate": None}, "`learning_rate` is missing"),
        ({"base_model": " "}, "`base_model` is empty"),
        ({"learning_rate": -1}, "`learning_rate` must be above 0 and at most 1"),
        ({"num_epochs": 0}, "`num_epochs` must be above 0"),
        ({"lora_r": None}, "`lora_r` is missing"),
        ({"lora_dropout": 1.5}, "`lora_dropout` must be"),
        ({"optimizer": "adamw_torhc"}, "Did you mean `adamw_torch`?"),
        ({"lr_scheduler": "cosinus"}, "Did you mean `cosine`?"),
        ({"load_in_4bit": True, "load_in_8bit": True}, "exclude each other"),
        ({"adapter": "qlora"}, "needs `load_in_4bit: true`"),
        ({"adapter": None, "load_in_4bit": True}, "needs `adapter: qlora`"),
        ({"datasets": None}, "`datasets` is missing"),
        ({"eval_steps": 10}, "needs validation data"),
        ({"run": {"gpus": -1}}, "`run.gpus` cannot be -1"),
        ({"run": {"gpu": 1}}, "Did you mean `gpus`?"),
        ({"run": {"name": "../x"}}, "`run.name` cannot be"),
        ({"run": [1]}, "`run` must be a block"),
    ],
)
def test_a_wrong_value_is_told_by_its_key(root: Path, changes: dict, words: str) -> None:
    assert words in refusal(root, **changes)


def test_every_problem_is_told_at_once(root: Path) -> None:
    text = refusal(root, learning_rte=5, micro_batch_size="two", run={"gpus": "all"})
    assert text.count("\n") == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plugins": ["os.system"]}, "would import code"),
        ({"trust_remote_code": True}, "would run code"),
        (
            {"datasets": [{"path": "./uploads/qa/train.jsonl", "type": "os.path"}]},
            "no prompt strat",
        ),
        ({"datasets": [{"path": "../secret.jsonl", "type": "alpaca"}]}, "outside the workspace"),
        ({"base_model": "/etc"}, "outside the workspace"),
        ({"base_model": "~/models"}, "outside the workspace"),
        ({"base_model": "-rf"}, "begins with a dash"),
        ({"base_model": "https://example.org/model"}, "web address"),
        ({"deepspeed": "/elsewhere/x.json"}, "outside the workspace"),
        ({"swanlab_api_key": "abc"}, "holds a secret"),
        ({"wandb_project": "hf_" + "a" * 30}, "holds a secret"),
        ({"trl": {"reward_funcs": ["os.system"]}}, "would import or start code"),
        ({"trainer_cls": "uploads.evil.Trainer"}, "would import or start code"),
        ({"vllm": {"serve_module": "evil"}}, "would import or start code"),
        ({"hub_model_id": "me/mine"}, "would upload"),
        ({"pretraining_dataset": [{"path": "./uploads/qa", "type": "os.system"}]}, "no prompt str"),
    ],
)
def test_what_imports_code_or_leaves_the_workspace_is_refused(
    root: Path, changes: dict, words: str
) -> None:
    assert words in refusal(root, **changes)


def test_a_link_out_of_the_workspace_is_refused(root: Path, tmp_path_factory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (root / "models" / "link").symlink_to(outside)
    for name in ("./models/link", "models/link"):
        assert "outside the workspace" in refusal(root, base_model=name)


def test_settings_may_allow_a_folder_and_a_plugin(root: Path, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("data")
    (folder / "rows.jsonl").write_text('{"text": "x"}\n')
    settings = Settings(allowed_folders=(folder,), allowed_plugins=("mine.*",))
    changed = {"datasets": [{"path": str(folder / "rows.jsonl"), "type": "completion"}]}
    text = dump_yaml({**GOOD, **changed, "plugins": ["mine.Plugin"]})
    assert check_spec(text, "x", root, settings).datasets == (str(folder / "rows.jsonl"),)


def test_a_home_folder_must_be_written_out_for_axolotl(
    root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    settings = Settings(allowed_folders=(home,))
    assert f"write {home}/model" in refusal(root, settings, base_model="~/model")


def test_text_that_begins_with_a_slash_is_no_path(root: Path) -> None:
    text = dump_yaml({**GOOD, "special_tokens": {"eos_token": "/s"}, "chat_template_jinja": "/x"})
    assert check_spec(text, "x", root, Settings())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_model": "./models/tyny"}, "Did you mean `tiny`?"),
        ({"tokenizer_config": "./models/tyny"}, "`tokenizer_config: ./models/tyny`: there is no"),
        ({"lora_model_dir": "./nope"}, "`lora_model_dir: ./nope`: there is no"),
        ({"resume_from_checkpoint": "nope"}, "`resume_from_checkpoint: nope`: there is no"),
        ({"base_model": "x" * 300}, "cannot be looked at"),
        ({"base_model": "~nosuchuser/x"}, "cannot be looked at"),
        ({"base_model": "./\ud800"}, "cannot"),
        ({"base_model": "./uploads/qa"}, "no config.json"),
        ({"base_model": "a/b/c"}, "there is no folder"),
        ({"base_model": "org name"}, "neither a folder nor a Hub ID"),
        (
            {"datasets": [{"path": "./uploads/qa/trian.jsonl", "type": "alpaca"}]},
            "Did you mean `train.jsonl`?",
        ),
        (
            {"datasets": [{"path": "json", "data_files": "./no.jsonl", "type": "alpaca"}]},
            "`datasets[0].data_files: ./no.jsonl`: there is no file",
        ),
    ],
)
def test_a_missing_model_or_dataset_is_told(root: Path, changes: dict, words: str) -> None:
    assert words in refusal(root, **changes)


def test_an_empty_dataset_is_told(root: Path) -> None:
    (root / "uploads" / "qa" / "train.jsonl").write_text(" \n")
    assert "is empty" in refusal(root)


def test_a_model_without_weights_is_told(root: Path) -> None:
    (root / "models" / "tiny" / "model.safetensors").unlink()
    assert "has no weights" in refusal(root)


def test_a_hub_id_is_taken_unless_the_hub_is_switched_off(root: Path) -> None:
    assert check_spec(dump_yaml({**GOOD, "base_model": "org/name-1.5B"}), "x", root, Settings())
    text = refusal(root, Settings(hub="offline"), base_model="org/name-1.5B")
    assert "`hub: offline`" in text


def test_axolotls_own_descriptions_are_there_for_the_form() -> None:
    assert "length" in describe("sequence_len")
    assert {"lora_r", "datasets", "liger_rms_norm"} <= known_keys()


REVIEWED_IMPORTS = {"trainer_cls", "plugins", "serve_module", "reward_funcs", "rollout_func"}


def test_every_key_that_axolotl_says_it_imports_has_been_looked_at() -> None:
    blocks = [load_schema(), *load_schema()["$defs"].values()]
    importing = {
        key
        for block in blocks
        for key, value in block.get("properties", {}).items()
        if re.search(r"\bimport(s|ed|able)?\b|module to", str(value.get("description", "")))
    }
    assert importing - REVIEWED_IMPORTS == set()


def test_numbers_written_as_yaml_1_2_floats_pass_the_schema() -> None:
    assert find_problems({**GOOD, "learning_rate": 1e-4}) == []


@pytest.mark.parametrize("rate", ["fast", "-1e-4", "5", "nan"])
def test_a_learning_rate_as_text_is_checked_as_a_number_is(rate: str) -> None:
    """YAML takes 1e-4 for a text, and so does Axolotl's schema: others would slip through."""
    assert "learning_rate" in find_value_problems({**GOOD, "learning_rate": rate})[0]
    assert find_value_problems({**GOOD, "learning_rate": "1e-4"}) == []
