"""Asking the daemon what Axolotl will make of a run's data, and reading the answer.

An answer is kept under a key of everything that changes tokens or labels, so that whoever asks
again finds it, and nobody is told of data or a template that has changed since.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.audit.plan import ATTENTION_KEYS
from core.audit.result import Audit, from_record
from core.errors import RecordError
from core.files import load_json, stamp, write_whole
from core.paths import Workspace
from core.safe_yaml import dump_yaml
from core.spec.prepared import IRRELEVANT_KEYS, TOKENIZER_FILES
from core.spec.sources import is_local, local_data_files, resolve

VERSION = 2
"""Counts up when an older answer would not be understood, or would be wrong."""

MAX_REQUEST_BYTES = 1024 * 1024

LATER_KEYS = frozenset(
    {
        "attn_implementation",
        "batch_size",
        "curriculum_sampling",
        "eager_attention",
        "early_stopping_patience",
        "eval_sample_packing",
        "eval_sequence_len",
        "evals_per_epoch",
        "excess_length_strategy",
        "flex_attention",
        "group_by_length",
        "load_best_model_at_end",
        "min_sample_len",
        "multipack_real_batches",
        "pad_to_sequence_len",
        "sample_packing",
        "saves_per_epoch",
        "sdp_attention",
        "seed",
        "shuffle_before_merging_datasets",
        "shuffle_merged_datasets",
        "val_set_size",
        "xformers_attention",
    }
)
"""Keys that only matter once rows are tokens: what is dropped, in which order, how it is packed."""

LATER_PREFIXES = (
    "comet_",
    "deepspeed",
    "fsdp",
    "liger_",
    "lora_",
    "mlflow_",
    "peft_",
    "sample_packing_",
    "torch_compile",
    "use_",
    "wandb_",
)
ADAPTER_KEYS = ("adapter", "load_in_4bit", "load_in_8bit", "lora_modules_to_save")
"""Matter where special tokens are changed: Axolotl refuses some adapters then."""


def request_audit(workspace: Workspace, config: dict[str, Any]) -> str:
    """Ask for the audit of a run's Axolotl keys, unless it is there or asked for; its key.

    Raises OSError when the question cannot be written down.
    """
    key = audit_key(config, workspace.root)
    request = request_path(workspace, key)
    if not request.exists() and not answer_path(workspace, key).exists():
        workspace.audits.mkdir(parents=True, exist_ok=True)
        write_whole(request, dump_yaml({"config": asked_keys(config)}))
    return key


def read_audit(workspace: Workspace, key: str) -> Audit | None:
    """The answer; None while there is none."""
    if is_waiting(workspace, key):
        return None
    try:
        return from_record(load_json(answer_path(workspace, key)))
    except (OSError, RecordError):
        return None


def is_waiting(workspace: Workspace, key: str) -> bool:
    """Whether the question is still to be answered."""
    return request_path(workspace, key).exists()


def request_path(workspace: Workspace, key: str) -> Path:
    """Where the question of this key lies."""
    return workspace.audits / f"{key}.yaml"


def answer_path(workspace: Workspace, key: str) -> Path:
    """Where the answer of this key lies."""
    return workspace.audits / f"{key}.json"


def audit_key(config: dict[str, Any], root: Path) -> str:
    """32 hexadecimal digits that change with the data, the tokenizer or a key that matters.

    Files count with path, size and time: they may be too large to be read at every click.
    """
    parts = {
        "version": VERSION,
        "config": sorted(_matters(config)),
        "files": [[str(file), *stamp(file)] for file in _files(config, root)],
    }
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def asked_keys(config: dict[str, Any]) -> dict[str, Any]:
    """The Axolotl keys that the answer is made from."""
    keys = {name for name, _ in _matters(config)}
    keys |= {"sequence_len", "seed", "sample_packing", "micro_batch_size"}
    keys |= {name for name in config if name.startswith("sample_packing_")}
    keys |= {"multipack_real_batches", "attn_implementation"}
    keys |= {"excess_length_strategy", "min_sample_len", *ATTENTION_KEYS}
    return {name: value for name, value in config.items() if name in keys}


def depends_on_length(config: dict[str, Any]) -> bool:
    """Whether the tokens themselves change with `sequence_len`.

    Chats and preferences are tokenised whole; plain text is cut in pieces, and the other types
    cut question and answer each.
    """
    if config.get("rl"):
        return False
    entries = [*(config.get("datasets") or []), *(config.get("test_datasets") or [])]
    types = [entry.get("type") for entry in entries if isinstance(entry, dict)]
    return not types or any(not str(kind).startswith("chat_template") for kind in types)


def _matters(config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The keys that change tokens or labels, as they enter the key; an unknown one counts."""
    kept = set(ADAPTER_KEYS) if config.get("special_tokens") else set()
    if depends_on_length(config):
        kept.add("sequence_len")
    if any("shards" in key for key in _dataset_keys(config)):
        kept.add("seed")  # which rows a shard has, chance decides
    for key, value in config.items():
        later = key in IRRELEVANT_KEYS or key in LATER_KEYS or key == "sequence_len"
        if value is not None and (key in kept or not (later or key.startswith(LATER_PREFIXES))):
            yield key, value


def _dataset_keys(config: dict[str, Any]) -> set[str]:
    entries = config.get("datasets") or []
    return {str(key) for entry in entries if isinstance(entry, dict) for key in entry}


def _files(config: dict[str, Any], root: Path) -> list[Path]:
    """The files whose content the answer is made from, as far as they lie on this machine."""
    files = {*local_data_files(config, root), *_template_files(config, root)}
    for name in ("tokenizer_config", "base_model_config", "base_model"):
        source = str(config.get(name) or "")
        if source and is_local(source, root):
            folder = resolve(source, root)
            patterns = (*TOKENIZER_FILES, "config.json")
            files |= {file for pattern in patterns for file in folder.glob(pattern)}
    return sorted(files)


def _template_files(config: dict[str, Any], root: Path) -> Iterator[Path]:
    """A chat template may be named by its file."""
    for holder in [config, *(config.get("datasets") or [])]:
        text = holder.get("chat_template_jinja") if isinstance(holder, dict) else None
        if isinstance(text, str) and "\n" not in text and len(text) < 1000:
            with contextlib.suppress(OSError, ValueError, RuntimeError):
                if resolve(text, root).is_file():
                    yield resolve(text, root)
