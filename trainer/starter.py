"""Builds the starter: a tiny chat model and a small dataset, so that a run needs no download.

python -P -m trainer.starter [--force]
"""

import argparse
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from core.dataset.card import write_card
from core.files import sync_folder, write_whole
from core.paths import CODE_ROOT, DatasetPaths, Workspace, find_workspace
from core.starter import Fact, Row, conversations, parse_facts

SOURCES = CODE_ROOT / "configs" / "starter"
MODEL_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
MODEL_README = """\
# starter

A Llama of about one million parameters for trying things out. Its weights are random: it knows
nothing and answers nonsense until it is fine-tuned. Train it on the dataset `capitals` with the
preset `starter-full` and it answers those questions, and only those.

Made by `python -P -m trainer.starter`; `--force` makes it again, byte for byte the same.
"""


def main() -> None:
    """Build what is missing of the starter, or all of it with --force."""
    parser = argparse.ArgumentParser(description="Build the starter model and its dataset.")
    parser.add_argument("--force", action="store_true", help="build again what is there already")
    build(find_workspace(), force=parser.parse_args().force)


def build(workspace: Workspace, force: bool = False) -> None:
    """Put the starter's model and dataset into the workspace and say what was made."""
    facts = parse_facts((SOURCES / "capitals.csv").read_text(encoding="utf-8"))
    model = workspace.models / "starter"
    make(model, MODEL_FILES, force, lambda folder: write_model(folder, facts))
    dataset = workspace.dataset("capitals")
    names = dataset_files(dataset)
    make(dataset.folder, names, force, lambda folder: write_dataset(folder, facts, dataset))


def make(folder: Path, files: tuple[str, ...], force: bool, write: Callable[[Path], None]) -> None:
    """Write the folder anew, unless all its `files` are there and `force` is off."""
    if not force and all((folder / name).is_file() for name in files):
        print(f"{folder} is there already")
        return
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    aside.mkdir(parents=True)
    try:
        write(aside)
        replace_folder(folder, aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    print(f"made {folder} ({size_bytes(folder) / 1e6:.1f} MB)")


def replace_folder(folder: Path, aside: Path) -> None:
    """Put the finished folder `aside` in the place of `folder`."""
    old = aside.with_suffix(".old.tmp")
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def write_model(folder: Path, facts: list[Fact]) -> None:
    """The model, its tokenizer and a README."""
    # Importing torch takes seconds; a starter that is there already need not wait for it.
    from trainer.starter_model import save_starter_model

    save_starter_model(folder, tokenizer_text(facts))
    write_whole(folder / "README.md", MODEL_README)


def tokenizer_text(facts: list[Fact]) -> list[str]:
    """What the tokenizer learns its words from: every conversation, and everyday English."""
    train, validation = conversations(facts)
    spoken = [turn["content"] for row in train + validation for turn in row["messages"]]
    roles = ["system\n", "user\n", "assistant\n"]
    english = (SOURCES / "sentences.txt").read_text(encoding="utf-8").splitlines()
    return roles + english + spoken


def dataset_files(dataset: DatasetPaths) -> tuple[str, ...]:
    """The names of the dataset's files that are made here."""
    return tuple(p.name for p in (dataset.original("jsonl"), dataset.train, dataset.validation))


def write_dataset(folder: Path, facts: list[Fact], target: DatasetPaths) -> None:
    """The dataset's rows, as uploaded and as Axolotl reads them, and its card."""
    train, validation = conversations(facts)
    dataset = DatasetPaths(folder)
    write_whole(dataset.original("jsonl"), json_lines(train))
    write_whole(dataset.train, json_lines(train))
    write_whole(dataset.validation, json_lines(validation))
    if target.card.is_file():
        # A rebuild must not lose what it tells; the rows it describes are the same.
        shutil.copy2(target.card, dataset.card)
    else:
        write_card(dataset, target)


def json_lines(rows: list[Row]) -> str:
    """One JSON object per line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def size_bytes(folder: Path) -> int:
    """The bytes of the folder's files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
