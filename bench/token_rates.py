"""How fast the audit goes through chats, beside the tokenizer alone.

Each way is a process of its own; what is timed begins when its imports are done and the data is
read. The audit knows the labels of every row as well, which the others do not.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.compared import Compared, table
from bench.progress import tell
from core.paths import Workspace

LOOP, BATCH, AUDIT = "a loop, one row at a time", "the tokenizer's batch mode", "the audit"
WAYS = (LOOP, BATCH, AUDIT)
FILE = "uploads/chats/train.jsonl"
BATCH_ROWS = 1000
LETTERS, WORDS, LETTERS_PER_WORD = "etaoinshrdlu", 500, 4


def measure_tokens(folder: Path, rounds: int, rows: int) -> str:
    """All ways in turns, as a table."""
    workspace = Workspace(folder)
    (folder / "configs").mkdir(parents=True)
    env = os.environ | workspace.environment() | {"HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-P", "-m", "trainer.starter"], env=env, check=True)
    write_chats(folder / FILE, rows)
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(1, rounds + 1):
        for way in WAYS:
            tell(f"{way}, round {number} of {rounds}")
            # Only the batch mode needs the tokenizer's own threads.
            told = env | {"TOKENIZERS_PARALLELISM": str(way == BATCH).lower()}
            command = [sys.executable, "-P", "-m", "bench.token_rates", str(folder), way]
            done = subprocess.run(command, env=told, check=True, stdout=subprocess.PIPE, text=True)
            rates[way].append(rows / float(done.stdout.split()[-1]) / 1000)
    title = f"{rows:,} chats"
    return table(title, [Compared("thousand rows a second", rates, {}, "k/s", True)])


def write_chats(file: Path, rows: int) -> None:
    """Chats of two to six turns, some hundreds of tokens each."""
    chance = random.Random(1)
    words = ["".join(chance.choices(LETTERS, k=LETTERS_PER_WORD)) for _ in range(WORDS)]
    file.parent.mkdir(parents=True)
    with file.open("w") as target:
        for _ in range(rows):
            turns = []
            for _ in range(chance.choice((1, 1, 1, 2, 3))):
                for role, least, most in (("user", 5, 60), ("assistant", 20, 150)):
                    said = chance.choices(words, k=chance.randint(least, most))
                    turns.append({"role": role, "content": " ".join(said)})
            target.write(json.dumps({"messages": turns}) + "\n")


def main(root: str, way: str) -> None:
    """Go through the chats in one of the ways, and print the seconds it took."""
    os.chdir(root)
    import axolotl.utils.data  # noqa: F401
    from axolotl.loaders import load_tokenizer

    from trainer.audit.config import load_audit_config

    config = {
        "base_model": "./models/starter",
        "sequence_len": 1024,
        "datasets": [{"path": f"./{FILE}", "ds_type": "json", "type": "chat_template"}],
    }
    with tempfile.TemporaryDirectory() as folder:
        cfg = load_audit_config(config, Path(folder))
    go = prepared(way, cfg, load_tokenizer(cfg))
    begun = time.monotonic()
    go()
    print(time.monotonic() - begun)


def prepared(way: str, cfg: Any, tokenizer: Any) -> Callable[[], object]:
    """What is to be timed, with all that it needs at hand."""
    if way == AUDIT:
        from trainer.audit.passing import Pass, count_all
        from trainer.audit.rows import open_sources
        from trainer.audit.work import keep_quiet

        work = Pass(open_sources(cfg, tokenizer), frozenset({tokenizer.eos_token_id}), 2)
        keep_quiet()
        return lambda: count_all(work, budget_s=1e6)
    chats = [json.loads(line)["messages"] for line in Path(FILE).read_text().splitlines()]
    if way == LOOP:
        return lambda: [tokenizer.apply_chat_template(chat, tokenize=True) for chat in chats]
    return lambda: [tokenizer.apply_chat_template(some, tokenize=True) for some in batches(chats)]


def batches(chats: list[Any]) -> Iterator[list[Any]]:
    """The chats, many at a time."""
    for at in range(0, len(chats), BATCH_ROWS):
        yield chats[at : at + BATCH_ROWS]


if __name__ == "__main__":
    main(*sys.argv[1:])
