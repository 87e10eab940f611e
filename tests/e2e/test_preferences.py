"""Real Axolotl: preferences and labelled answers, from a file to a trained adapter."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.run.phase import Phase
from core.safe_yaml import dump_yaml
from core.spec.draft import Draft
from core.spec.draft_write import to_spec
from tests.adding import add
from tests.real import copy_starter, daemon, wait_for_end

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DRAFT = Draft(sequence_len=128, micro_batch_size=2, gradient_accumulation_steps=1, gpus=0)
PAIRS = [
    {"prompt": f"What is {n}?", "chosen": f"It is {n}.", "rejected": f"No idea {n}."}
    for n in range(8)
]
LABELLED = [
    {"prompt": f"What is {n}?", "completion": f"It is {n}.", "label": n % 2 == 0} for n in range(8)
]


def to_lines(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_each_method_trains_on_the_rows_made_for_it(starter: Path, tmp_path: Path) -> None:
    workspace = copy_starter(starter, tmp_path)
    pairs = add(workspace, "pairs.jsonl", to_lines(PAIRS), system_prompt="Be short.")
    labelled = add(workspace, "labelled.jsonl", to_lines(LABELLED))
    methods = {"dpo": pairs, "orpo": pairs, "kto": labelled}
    for method, dataset in methods.items():
        spec = to_spec(replace(DRAFT, name=method, rl=method), dataset) | {"max_steps": 2}
        (workspace.queue / f"{method}.yaml").write_text(dump_yaml(spec))
    with daemon(workspace):
        runs = [wait_for_end(workspace, method) for method in methods]
    for run in runs:
        assert run.status.phase is Phase.COMPLETED, run.status.reason
        assert (run.paths.output / "adapter_model.safetensors").is_file()
