"""A whole job, evaluated and saved every few steps, beside a peer that trains the same."""

from pathlib import Path

from bench.by_hand import train_by_hand
from bench.compared import Compared, table
from bench.daemon_process import supervising
from bench.peer import train_with_peer
from bench.progress import tell
from bench.starts import BY_HAND, WARM, require_warm
from bench.supervised import Bench, train_supervised, wait_for_standby

PEER = "LLaMA-Factory"
EVERY = 20
LORA = {"lora_r": 8, "lora_alpha": 16, "lora_dropout": 0, "lora_target_linear": True}


def measure_whole(folder: Path, rounds: int, steps: int) -> str:
    """The job in each way, taken in turns, as a table."""
    bench = Bench.create(folder, steps).asking(
        **LORA,
        micro_batch_size=2,
        eval_batch_size=2,
        logging_steps=10,
        eval_steps=EVERY,
        save_steps=EVERY,
        save_strategy="steps",
        test_datasets=[
            {
                "path": "./uploads/capitals/validation.jsonl",
                "type": "chat_template",
                "split": "train",
            }
        ],
    )
    seconds: dict[str, list[float]] = {BY_HAND: [], WARM: [], PEER: []}
    with supervising(bench.workspace):
        for number in range(rounds + 1):
            tell(f"the whole job, round {number} of {rounds}" if number else "the whole job")
            name = f"whole-{number}"
            # Else it would be made beside the others.
            wait_for_standby(bench)
            by_hand = train_by_hand(bench, name, "whole").end_s
            peer = train_with_peer(bench, name).end_s
            ours = train_supervised(bench, name)
            require_warm(ours)
            if number:
                for way, value in ((BY_HAND, by_hand), (WARM, ours.timing.end_s), (PEER, peer)):
                    seconds[way].append(value)
    title = f"{steps} steps, evaluated and saved every {EVERY}"
    return table(title, [Compared("submit to end", seconds, {WARM: 0.4})])
