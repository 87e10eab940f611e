import os

import pytest

from core.errors import SandboxError
from core.paths import Workspace
from core.sandbox.question import parse_model_name
from trainer.sandbox.source import resolve_model


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path)
    run = workspace.run("r")
    run.output.mkdir(parents=True)
    run.axolotl_config.write_text("base_model: org/name\nload_in_4bit: true\n")
    return workspace


def resolve(workspace, name):
    return resolve_model(workspace, parse_model_name(name))


def save_adapter_files(folder):
    folder.mkdir(exist_ok=True)
    (folder / "adapter_config.json").touch()
    (folder / "adapter_model.safetensors").touch()


def save_whole_files(folder):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").touch()
    (folder / "model.safetensors").touch()


def test_a_base_on_the_hub_stays_an_id(workspace):
    source = resolve(workspace, "r/base")
    assert (source.base, source.tokenizer, source.adapter) == ("org/name", "org/name", None)
    assert source.four_bit


def test_a_base_in_the_workspace_is_its_folder(workspace):
    (workspace.root / "org/name").mkdir(parents=True)
    assert resolve(workspace, "r/base").base == str(workspace.root / "org/name")


def test_a_base_folder_that_is_gone_is_told_of(workspace):
    workspace.run("r").axolotl_config.write_text("base_model: ./models/gone\n")
    with pytest.raises(SandboxError, match=r"\./models/gone is gone"):
        resolve(workspace, "r/base")


def test_the_spec_serves_until_there_is_an_axolotl_config(workspace):
    run = workspace.run("r")
    run.axolotl_config.rename(run.spec)
    assert resolve(workspace, "r/base").base == "org/name"


def test_an_adapter_brings_its_own_tokenizer_when_it_has_one(workspace):
    folder = workspace.run("r").checkpoint(20)
    save_adapter_files(folder)
    assert resolve(workspace, "r/checkpoint-20").tokenizer == "org/name"
    (folder / "tokenizer.json").touch()
    source = resolve(workspace, "r/checkpoint-20")
    assert (source.adapter, source.tokenizer) == (folder, str(folder))


def test_an_adapter_with_a_config_beside_it_is_still_an_adapter(workspace):
    save_adapter_files(workspace.run("r").output)
    save_whole_files(workspace.run("r").output)
    assert resolve(workspace, "r").adapter == workspace.run("r").output


def test_a_whole_model_is_its_own_base_and_never_in_four_bits(workspace):
    save_whole_files(workspace.run("r").output)
    source = resolve(workspace, "r")
    assert (source.base, source.adapter) == (str(workspace.run("r").output), None)
    assert not source.four_bit


def test_weights_written_anew_are_told_from_the_old(workspace):
    save_whole_files(workspace.run("r").output)
    before = resolve(workspace, "r")
    os.utime(workspace.run("r").output / "model.safetensors", (1, 1))
    assert resolve(workspace, "r") != before


def test_pickled_weights_are_not_taken(workspace):
    output = workspace.run("r").output
    (output / "adapter_config.json").touch()
    (output / "adapter_model.bin").touch()
    with pytest.raises(SandboxError, match=r"no adapter_model\.safetensors"):
        resolve(workspace, "r")


def test_a_link_out_of_the_runs_folder_is_not_followed(workspace, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    save_whole_files(elsewhere)
    workspace.run("r").checkpoint(20).symlink_to(elsewhere)
    (workspace.runs / "linked").symlink_to(elsewhere)
    for name in ("r/checkpoint-20", "linked"):
        with pytest.raises(SandboxError, match="outside"):
            resolve(workspace, name)


@pytest.fixture
def imported(workspace, tmp_path_factory):
    """The folder elsewhere whose training the run shows."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "out"
    elsewhere.mkdir()
    run = workspace.run("r")
    run.output.rmdir()
    run.output.symlink_to(elsewhere)
    return elsewhere


def allow(workspace, folder):
    workspace.settings.parent.mkdir(exist_ok=True)
    workspace.settings.write_text(f"allowed_folders: [{folder}]\n")


def test_an_imported_run_is_loaded_from_an_allowed_folder(workspace, imported):
    save_adapter_files(imported)
    save_adapter_files(imported / "checkpoint-20")
    allow(workspace, imported.parent)
    for name in ("r", "r/checkpoint-20"):
        adapter = resolve(workspace, name).adapter
        assert adapter and adapter.resolve().is_relative_to(imported)


def test_where_the_weights_of_an_imported_run_lie_is_told(workspace, imported):
    save_adapter_files(imported)
    with pytest.raises(SandboxError, match=f"{imported} is in none of the allowed folders"):
        resolve(workspace, "r")
    imported.rename(imported.with_name("moved"))
    with pytest.raises(SandboxError, match=f"{imported} is gone"):
        resolve(workspace, "r")


def test_a_link_out_of_an_imported_folder_is_not_followed(workspace, imported, tmp_path_factory):
    allow(workspace, imported)
    secret = tmp_path_factory.mktemp("secret")
    save_adapter_files(secret)
    (imported / "checkpoint-20").symlink_to(secret)
    with pytest.raises(SandboxError, match="none of the allowed folders"):
        resolve(workspace, "r/checkpoint-20")


def test_the_base_of_an_imported_run_is_loaded_only_from_where_it_may_be(workspace, imported):
    save_adapter_files(imported)
    allow(workspace, imported)
    base = imported.parent / "base"
    base.mkdir()
    workspace.run("r").axolotl_config.write_text(f"base_model: {base}\n")
    with pytest.raises(SandboxError, match=f"{base} is in none of the allowed folders"):
        resolve(workspace, "r")
    allow(workspace, imported.parent)
    assert resolve(workspace, "r").base == str(base)


def test_settings_that_cannot_be_read_allow_nothing(workspace, imported):
    allow(workspace, "relative")
    with pytest.raises(SandboxError, match="cannot be told"):
        resolve(workspace, "r")


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [", "other: 1\n", "base_model: 3\n"])
def test_a_config_that_names_no_base_is_told_of(workspace, text):
    workspace.run("r").axolotl_config.write_text(text)
    with pytest.raises(SandboxError):
        resolve(workspace, "r")
