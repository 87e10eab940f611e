"""Rows that are written out already stay as they are, beside whatever they were written from."""

import json
import os
import subprocess
import sys

ROW = {
    "messages": [{"role": "user", "content": "hi"}],
    "prompt": "a",
    "chosen": "b",
    "rejected": "c",
}
SCRIPT = """
import json, sys
from trl.experimental.orpo import orpo_trainer
from trainer.written_chats import keep_texts
keep_texts()
row = orpo_trainer.maybe_apply_chat_template(json.loads(sys.argv[1]), tokenizer=None)
print(json.dumps(row))
"""


def test_texts_are_kept_where_the_turns_beside_them_are_looked_at() -> None:
    # With this seed the turns are the column that happens to be looked at.
    env = os.environ | {"PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", SCRIPT, json.dumps(ROW)]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    assert json.loads(done.stdout.splitlines()[-1]) == ROW
