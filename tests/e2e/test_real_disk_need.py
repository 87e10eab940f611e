"""The predicted size of a checkpoint against what a real training writes."""

from pathlib import Path

import pytest

from core.paths import CODE_ROOT
from core.run.disk_need import folder_bytes, predict_need
from core.run.store import Store
from core.safe_yaml import dump_yaml, load_yaml_mapping
from core.spec.run_spec import parse_spec
from tests.real import copy_starter, daemon, wait_for_end

pytestmark = pytest.mark.slow


def test_a_checkpoint_is_about_as_large_as_predicted(starter: Path, tmp_path: Path) -> None:
    workspace = copy_starter(starter, tmp_path / "ws")
    texts = {name: short(f"starter-{name}.yaml") for name in ("lora", "full")}
    with daemon(workspace):
        for name, text in texts.items():
            Store(workspace).submit(name, text)
        runs = {name: wait_for_end(workspace, f"starter-{name}") for name in texts}
    for name, run in runs.items():
        need = predict_need(parse_spec(texts[name], name), workspace.root, on_cpu=True)
        assert need
        assert run.checkpoints() == [2, 4]
        assert need.kept == 2
        real_bytes = folder_bytes(run.paths.checkpoint(4))
        assert 0.6 < need.checkpoint_bytes / real_bytes < 1.8
        result_bytes = folder_bytes(run.paths.output) - 2 * real_bytes
        assert 0.6 < need.result_bytes / result_bytes < 1.8


def short(preset: str) -> str:
    """The preset, for four steps with a checkpoint after each second."""
    spec = load_yaml_mapping((CODE_ROOT / "configs" / "presets" / preset).read_bytes())
    spec["run"]["name"] = Path(preset).stem
    return dump_yaml({**spec, "max_steps": 4, "save_steps": 2, "warmup_steps": 1})
