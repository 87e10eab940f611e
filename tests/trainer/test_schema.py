"""What specs are checked against is what the installed Axolotl knows."""

import json

import pytest

from core.spec.axolotl_schema import load_schema


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_committed_schema_is_the_installed_axolotls() -> None:
    from trainer.schema import build_schema

    built = json.loads(json.dumps(build_schema()))
    stale = "run: PYTHONPATH=. .venv/bin/python -P -m trainer.schema"
    assert built["x-dataset-types"] == load_schema()["x-dataset-types"], stale
    assert built == load_schema(), stale
