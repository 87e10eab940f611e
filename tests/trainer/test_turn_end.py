"""Through Axolotl's own strategy: is the end of a turn learned?"""

import pytest

from core.clock import now
from core.dataset.card import Dataset
from core.paths import Workspace
from core.spec.draft import Draft
from core.spec.draft_write import to_spec
from tests.trainer.tiny_model import save_tokenizer

pytestmark = pytest.mark.slow

ROW = {
    "messages": [
        {"role": "user", "content": "Capital of France?"},
        {"role": "assistant", "content": "Paris."},
    ]
}


@pytest.fixture
def tokenizer(tmp_path):
    """Ends turns with <|im_end|>, while its eos token is <|end|>."""
    from transformers import AutoTokenizer

    save_tokenizer(tmp_path)
    return AutoTokenizer.from_pretrained(tmp_path)


def labels(tokenizer, workspace, turn_end):
    """What Axolotl would train of the row, with the spec that the form makes."""
    from axolotl.prompt_strategies.chat_template import load
    from axolotl.utils.dict import DictDefault

    dataset = Dataset(workspace.dataset("d"), "messages", rows=1, created_at=now())
    spec = to_spec(Draft(turn_end=turn_end), dataset)
    strategy = load(tokenizer, DictDefault(spec), spec["datasets"][0])
    found = strategy.tokenize_prompt(ROW)["labels"]
    return tokenizer.decode([token for token in found if token != -100])


def test_the_end_of_a_turn_is_learned_where_it_is_not_the_eos_token(tokenizer, tmp_path):
    assert tokenizer.eos_token == "<|end|>"
    assert labels(tokenizer, Workspace(tmp_path), "") == "Paris."
    assert labels(tokenizer, Workspace(tmp_path), "<|im_end|>") == "Paris.<|im_end|>"
