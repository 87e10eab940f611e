"""The catalogue of base models."""

from pathlib import Path

import pytest

from core.catalogue import load_catalogue, local_models, parse_catalogue
from core.errors import SettingsError
from core.paths import CODE_ROOT, Workspace

ENTRY = "{id: a/b, name: B, parameters: 1e9, context: 10, licence: MIT, methods: [lora]}"


def test_the_catalogue_that_comes_along_is_readable() -> None:
    models = load_catalogue(CODE_ROOT / "configs" / "models.yaml")

    assert models[0].id == "./models/starter"
    assert len(models) >= 10
    assert {model.id for model in models if model.gated} >= {"meta-llama/Llama-3.2-1B-Instruct"}


def test_no_file_is_an_empty_catalogue(tmp_path: Path) -> None:
    assert load_catalogue(tmp_path / "models.yaml") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("models: 1", "expected `models:`"),
        ("[1]", "expected `models:`"),
        ("models: [1]", "`models[0]` must be a block"),
        (f"models: [{ENTRY.replace('name: B, ', '')}]", "`name` of models[0] (a/b) is missing"),
        (f"models: [{ENTRY.replace('1e9', 'big')}]", "`parameters` of models[0] (a/b)"),
        (f"models: [{ENTRY.replace('[lora]', '[magic]')}]", "some of lora, qlora, full"),
        (f"models: [{ENTRY[:-1]}, gated: maybe}}]", "`gated` of models[0] (a/b)"),
        (f"models: [{ENTRY[:-1]}, colour: red}}]", "`colour` of models[0] (a/b) is not known"),
        (f"models: [{ENTRY}, {ENTRY}]", "`a/b` stands twice"),
    ],
)
def test_a_wrong_entry_is_named(text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_catalogue(text)

    assert words in str(caught.value)


def test_a_local_model_is_a_folder_with_a_config(tmp_path: Path) -> None:
    for name in ("mine", ".half.tmp", "empty"):
        (tmp_path / "models" / name).mkdir(parents=True)
    (tmp_path / "models" / "mine" / "config.json").touch()
    (tmp_path / "models" / ".half.tmp" / "config.json").touch()

    assert local_models(Workspace(tmp_path)) == ["./models/mine"]
