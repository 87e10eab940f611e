"""Counts the questions of a dataset that a model answers word for word.

python -P -m trainer.exact_answers --model DIR [--adapter DIR] --data FILE.jsonl [--limit N]
"""

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from peft import PeftModel
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from core.files import parse_json_lines
from core.starter import Row
from trainer.sandbox.prompt import eos_tokens

BATCH_SIZE = 50
# Room after the expected answer, so that a model that rambles on is seen to do so.
SPARE_TOKENS = 4


def main() -> None:
    """Print one line: how many answers are exact."""
    arguments = parse_arguments()
    rows = read_rows(arguments.data, arguments.limit)
    if not rows:
        raise SystemExit(f"{arguments.data} holds no rows")
    model, tokenizer = load(arguments.model, arguments.adapter)
    exact = count_exact(model, tokenizer, rows)
    print(f"exact answers: {exact} of {len(rows)} ({exact / len(rows):.1%})".replace("%", " %"))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Count the exact answers of a model.")
    parser.add_argument("--model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--adapter", type=Path, help="folder of an adapter to put on it")
    parser.add_argument("--data", type=Path, required=True, help="JSONL with `messages`")
    parser.add_argument("--limit", type=int, help="ask only the first N rows")
    return parser.parse_args()


def read_rows(data: Path, limit: int | None = None) -> list[Row]:
    """The first `limit` rows of a JSONL file, or all of them."""
    return parse_json_lines(data.read_text(encoding="utf-8").splitlines())[:limit]


def load(
    folder: Path, adapter: Path | None = None
) -> tuple[PreTrainedModel | PeftModel, PreTrainedTokenizerBase]:
    """The model, with the adapter on it if there is one, and its tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    if adapter:
        model = PeftModel.from_pretrained(model, adapter)
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer


def count_exact(
    model: PreTrainedModel | PeftModel, tokenizer: PreTrainedTokenizerBase, rows: list[Row]
) -> int:
    """How many rows the model ends, decoding greedily, with exactly the last message."""
    exact = 0
    for batch in batches(rows):
        expected = [row["messages"][-1]["content"].strip() for row in batch]
        given = answers(model, tokenizer, batch)
        exact += sum(a == b for a, b in zip(given, expected, strict=True))
    return exact


def batches(rows: list[Row]) -> Iterator[list[Row]]:
    """The rows in groups of BATCH_SIZE."""
    rest = iter(rows)
    while batch := list(islice(rest, BATCH_SIZE)):
        yield batch


def answers(
    model: PreTrainedModel | PeftModel, tokenizer: PreTrainedTokenizerBase, rows: list[Row]
) -> list[str]:
    """What the model says where each row has its last message."""
    prompts = [
        tokenizer.apply_chat_template(
            row["messages"][:-1], tokenize=False, add_generation_prompt=True
        )
        for row in rows
    ]
    # Padding on the left: every answer begins where its prompt ends.
    inputs = tokenizer(
        prompts,
        return_tensors="pt",
        padding=True,
        padding_side="left",
        add_special_tokens=False,
        return_token_type_ids=False,
    ).to(model.device)
    expected = [row["messages"][-1]["content"] for row in rows]
    longest = max(len(ids) for ids in tokenizer(expected).input_ids)
    with torch.inference_mode():
        output = model.generate(**inputs, do_sample=False, max_new_tokens=longest + SPARE_TOKENS)
    new = output[:, inputs.input_ids.shape[1] :].tolist()
    ends = set(eos_tokens(tokenizer, model))
    return [tokenizer.decode(until(ids, ends)).strip() for ids in new]


def until(ids: list[int], ends: set[int]) -> list[int]:
    """The ids before the first that ends an answer."""
    cut = next((i for i, id in enumerate(ids) if id in ends), len(ids))
    return ids[:cut]


if __name__ == "__main__":
    main()
