"""The key of prepared (tokenised) data: made of contents, never of paths.

Axolotl's own key holds the path of a dataset but not its content, so it would train on old rows
after a file changed. Each key therefore gets a `dataset_prepared_path` of its own.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from core.spec.sources import is_local, local_data_files, resolve

TOKENIZER_FILES = (
    "tokenizer*",
    "vocab*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "spiece.model",
    "*.jinja",
)

IRRELEVANT_KEYS = frozenset(
    {
        "adapter",
        "auto_resume_from_checkpoints",
        "bf16",
        "dataloader_num_workers",
        "dataset_num_proc",
        "dataset_prepared_path",
        "eval_steps",
        "eval_strategy",
        "flash_attention",
        "fp16",
        "gradient_accumulation_steps",
        "gradient_checkpointing",
        "learning_rate",
        "load_in_4bit",
        "load_in_8bit",
        "logging_steps",
        "lr_scheduler",
        "lr_scheduler_kwargs",
        "max_grad_norm",
        "max_steps",
        "micro_batch_size",
        "num_epochs",
        "optim_args",
        "optimizer",
        "output_dir",
        "pad_to_sequence_len",
        "plugins",
        "resume_from_checkpoint",
        "save_steps",
        "save_strategy",
        "save_total_limit",
        "tf32",
        "warmup_ratio",
        "warmup_steps",
        "weight_decay",
    }
)
"""Keys that do not change what the prepared rows are. An unknown key counts as relevant."""


class ContentHasher:
    """SHA-256 of files; a file that has not changed since it was read is not read again."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, int, int, int], str] = {}

    def hash(self, file: Path) -> str:
        """The file's SHA-256 in hexadecimal."""
        stat = file.stat()
        key = (file, stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if key not in self._known:
            with file.open("rb") as stream:
                self._known[key] = hashlib.file_digest(stream, "sha256").hexdigest()
        return self._known[key]


def prepared_key(config: dict[str, Any], root: Path, hasher: ContentHasher) -> str:
    """32 hexadecimal digits that change with the data, the tokenizer or a key that matters."""
    parts = {
        "data": [hasher.hash(file) for file in local_data_files(config, root)],
        "tokenizer": _tokenizer_parts(config, root, hasher),
        "config": {
            key: value
            for key, value in sorted(config.items())
            if key not in IRRELEVANT_KEYS and not key.startswith("lora_")
        },
    }
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _tokenizer_parts(config: dict[str, Any], root: Path, hasher: ContentHasher) -> list[str]:
    source = str(config.get("tokenizer_config") or config["base_model"])
    if not is_local(source, root):
        return [source, str(config.get("revision_of_model", ""))]
    folder = resolve(source, root)
    files = {file for pattern in TOKENIZER_FILES for file in folder.glob(pattern)}
    return [f"{file.name}:{hasher.hash(file)}" for file in sorted(files) if file.is_file()]
