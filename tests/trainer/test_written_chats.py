"""Rows that are written out already stay as they are, beside whatever they were written from."""

import os
import subprocess
import sys

SCRIPT = """
from trl.experimental.orpo import orpo_trainer
from trainer.written_chats import keep_texts
keep_texts()
keep_texts()
turns = [{"role": "user", "content": "hi"}]
row = {"messages": turns, "prompt": "a", "chosen": "b", "rejected": "c"}
assert orpo_trainer.maybe_apply_chat_template(dict(row), tokenizer=None) == row
"""


def test_texts_are_kept_where_the_turns_beside_them_are_looked_at() -> None:
    # With this seed the turns are the column that happens to be looked at.
    env = os.environ | {"PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", SCRIPT], env=env, check=True)
