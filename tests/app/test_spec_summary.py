from pathlib import Path

import pytest

from core.paths import CODE_ROOT
from core.safe_yaml import load_yaml_mapping
from core.spec.run_spec import RunSpec
from streamlit_app.spec_summary import Summary, summarise

PRESETS = sorted((CODE_ROOT / "configs" / "presets").glob("*.yaml"))
PLAIN = Summary("org/m", "LoRA", ("a.jsonl",))


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_the_lines_that_matter_tell_the_same_as_the_whole_preset(path: Path) -> None:
    config = load_yaml_mapping(path.read_bytes())
    config.pop("run", None)
    spec = RunSpec("", config)
    assert summarise(path.read_bytes()) == Summary(spec.base_model, spec.method, spec.datasets)


@pytest.mark.parametrize(
    "text",
    [
        "base_model: org/m\nadapter: lora\ndatasets:\n- path: a.jsonl\n  type: x\nlora_r: 8\n",
        "base_model : org/m\nlora_r: 8\nadapter: lora\ndatasets:\n  - path: a.jsonl\n",
        "{base_model: org/m, adapter: lora, datasets: [{path: a.jsonl}]}\n",
        "'base_model': org/m\nadapter: lora\ndatasets: [{path: a.jsonl}]\n",
        "x: &d [{path: a.jsonl}]\nbase_model: org/m\nadapter: lora\ndatasets: *d\n",
        "note: |\n  base_model: other\nbase_model: org/m\nadapter: lora\ndatasets: [a.jsonl]\n",
        "base_model: org/m\r\nadapter: lora\r\ndatasets: [a.jsonl]\r\n",
        "base_model: org/m\nadapter: lora\ndatasets:\n\n  # ours\n\n- path: a.jsonl\n",
        "base_model: org/m\nadapter: lora\ndatasets:\n# at the edge\n- path: a.jsonl\n",
        'base_model: org/m\nadapter: lora\nnote: "several\nlines"\ndatasets: [a.jsonl]\n',
        "\ufeffbase_model: org/m\nadapter: lora\ndatasets: [a.jsonl]\n",
    ],
)
def test_however_it_is_written_a_spec_tells_the_same(text: str) -> None:
    assert summarise(text.encode()) == PLAIN
