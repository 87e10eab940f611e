"""What Axolotl is told of a dataset."""

from pathlib import Path

import pytest

from core.dataset.block import axolotl_block
from core.paths import Workspace
from tests.adding import add

QA = b"question,answer\nWhat?,That.\nWho?,She.\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_the_block_tells_axolotl_how_to_read_the_rows(workspace: Workspace) -> None:
    chat = add(workspace, "notes.csv", QA, name="notes.csv", validation=0.5)
    text = add(workspace, "prose.txt", b"one\n\ntwo")

    entry = {"ds_type": "json", "split": "train", "type": "chat_template"}
    entry["field_messages"] = "messages"
    assert axolotl_block(chat) == {
        "datasets": [{"path": "./uploads/notes.csv/train.jsonl", **entry}],
        "test_datasets": [{"path": "./uploads/notes.csv/validation.jsonl", **entry}],
    }
    assert axolotl_block(text)["datasets"][0]["type"] == "completion"
    assert "test_datasets" not in axolotl_block(text)


PAIRS = b'{"prompt": "a", "chosen": "b", "rejected": "c"}\n'


@pytest.mark.parametrize(
    ("rl", "expected", "kind"),
    [
        ("", "dpo", "chat_template.default"),
        ("dpo", "dpo", "chat_template.default"),
        ("orpo", "orpo", "chat_template.argilla"),
        ("kto", "dpo", "chat_template.default"),
    ],
)
def test_pairs_are_learned_by_the_method_that_is_asked_for(
    workspace: Workspace, rl: str, expected: str, kind: str
) -> None:
    block = axolotl_block(add(workspace, "a.jsonl", PAIRS), rl)
    assert (block["rl"], block["datasets"][0]["type"]) == (expected, kind)


def test_labelled_answers_are_learned_by_kto(workspace: Workspace) -> None:
    rows = b'{"prompt": "a", "completion": "b", "label": true}\n'
    block = axolotl_block(add(workspace, "a.jsonl", rows))
    assert (block["rl"], block["datasets"][0]["type"]) == ("kto", "chatml.argilla_chat")
