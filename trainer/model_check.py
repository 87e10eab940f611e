"""python -P -m trainer.model_check --base-model X --out FILE.json

Looks at a base model's config and tokenizer, never at its weights, and writes down what it found.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.clock import now_text
from core.errors import TrainerUIError
from core.files import save_json
from core.paths import Workspace, find_workspace
from core.settings import load_settings
from core.spec.safety import find_safety_problems
from core.spec.sources import is_path, resolve
from trainer.model_trouble import explain, one_line
from trainer.sandbox.prompt import behind, split_turn_end
from trainer.weights import count_saved

CHAT = [
    {"role": "user", "content": "What is the capital of France?"},
    {"role": "assistant", "content": "Paris."},
]
MAX_EXAMPLE_CHARACTERS = 4000
# Families whose layers are an attention and a gated MLP and nothing else, so that they can be
# counted from the config.
GATED_FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3", "phi3", "gemma", "smollm3"})


class CheckError(TrainerUIError):
    """The base model cannot be fine-tuned here, and why."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Check the base model and write the answer; a model that is no good is an answer too."""
    parser = argparse.ArgumentParser(prog="trainer.model_check", description=__doc__)
    parser.add_argument("--base-model", required=True)
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args(arguments)
    save_json(options.out, check(find_workspace(), options.base_model))


def check(workspace: Workspace, base_model: str) -> dict[str, Any]:
    """What there is to say about the base model."""
    started = time.monotonic()
    record: dict[str, Any] = dict.fromkeys(
        (
            "architecture",
            "model_type",
            "parameters",
            "vocab_size",
            "context_length",
            "has_chat_template",
            "eos_token",
            "pad_token",
            "turn_end",
            "example",
        )
    )
    record |= {"base_model": base_model, "ok": True, "reason": ""}
    try:
        look_at(workspace, base_model, record)
    except CheckError as error:
        record |= {"ok": False, "reason": str(error)}
    except Exception as error:
        # Files made by strangers: whatever breaks in them, people get a sentence.
        reason = f"{base_model} cannot be read: {type(error).__name__}: {one_line(error)}"
        record |= {"ok": False, "reason": reason}
    return record | {"took_s": round(time.monotonic() - started, 3), "at": now_text()}


def look_at(workspace: Workspace, base_model: str, record: dict[str, Any]) -> None:
    """Fill in the record as far as the model lets us; CheckError on the first problem."""
    check_allowed(workspace, base_model)
    folder = find_folder(workspace, base_model)
    if folder is not None:
        check_files(folder, base_model)
    hide_torch()
    config = load_config(str(folder or base_model), base_model)
    text_config = config.get_text_config()
    record |= {
        "architecture": (config.architectures or [None])[0],
        "model_type": config.model_type,
        "vocab_size": getattr(text_config, "vocab_size", None),
        "context_length": getattr(text_config, "max_position_embeddings", None),
        "parameters": count_parameters(config, text_config, folder),
    }
    check_writes_text(config, base_model)
    tokenizer = load_tokenizer(str(folder or base_model), base_model)
    record |= {
        "has_chat_template": bool(tokenizer.chat_template),
        "eos_token": tokenizer.eos_token,
        "pad_token": tokenizer.pad_token,
    }
    text = render_chat(tokenizer, base_model)
    if text is not None:
        tokens = tokenizer(text, add_special_tokens=False).input_ids
        record["example"] = {"text": text[:MAX_EXAMPLE_CHARACTERS], "tokens": len(tokens)}
        record["turn_end"] = find_turn_end(tokenizer, text)


def check_allowed(workspace: Workspace, base_model: str) -> None:
    """Raise CheckError for a path that no spec may name either; it is not even looked at."""
    settings = load_settings(workspace.settings)
    problems = find_safety_problems({"base_model": base_model}, workspace.root, settings)
    if problems:
        raise CheckError(problems[0])


def find_folder(workspace: Workspace, base_model: str) -> Path | None:
    """The folder of the base model; None when it is the id of a model on the Hub."""
    folder = resolve(base_model, workspace.root)
    if folder.is_dir():
        return folder.resolve()
    if is_path(base_model):
        raise CheckError(f"there is no folder {base_model}; put the model there or change the name")
    return None


def check_files(folder: Path, base_model: str) -> None:
    """Raise CheckError unless the folder has what a model needs; takes no import."""
    config = folder / "config.json"
    if not config.is_file():
        raise CheckError(f"{base_model} has no config.json, so it is no Hugging Face model")
    try:
        record = json.loads(config.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckError(f"config.json of {base_model} is not readable as JSON: {error}") from error
    if not isinstance(record, dict) or not record.get("model_type"):
        raise CheckError(f"config.json of {base_model} names no model_type")
    names = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
    if not any((folder / name).is_file() for name in names):
        raise CheckError(f"{base_model} has no tokenizer; copy tokenizer.json there too")


def hide_torch() -> None:
    """Let transformers believe that torch is not installed; a tokenizer needs none of it."""
    import sys

    # 1 second to import instead of 5. The others come along with torch.
    for name in ("torch", "sklearn", "scipy", "pandas"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def load_config(source: str, base_model: str) -> Any:
    """The model's config, else CheckError."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(source, trust_remote_code=False)
    except Exception as error:
        raise CheckError(explain(error, base_model, "config.json")) from error


def load_tokenizer(source: str, base_model: str) -> Any:
    """The model's tokenizer, else CheckError."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except Exception as error:
        raise CheckError(explain(error, base_model, "tokenizer")) from error


def check_writes_text(config: Any, base_model: str) -> None:
    """Raise CheckError unless transformers knows the model as one that writes text."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    names = config.architectures or []
    # T5 and BERT have heads that the mapping knows under the type alone, so the name decides first.
    writes = any(name.endswith("ForCausalLM") for name in names)
    known = config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    if names and not writes:
        known = known and names[0] in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()
    if not writes and not known:
        kind = names[0] if names else config.model_type
        raise CheckError(f"{base_model} is a {kind}, which does not generate text; choose another")


def count_parameters(config: Any, text_config: Any, folder: Path | None) -> int | None:
    """How many weights the model has; None when neither files nor config tell it simply."""
    if getattr(config, "quantization_config", None):
        return None
    counted = count_saved(folder) if folder is not None else None
    return counted or estimate_parameters(text_config)


def estimate_parameters(config: Any) -> int | None:
    """The weights of a dense decoder of a known family, from its measures."""
    if config.model_type not in GATED_FAMILIES:
        return None
    hidden, layers = config.hidden_size, config.num_hidden_layers
    heads = config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or hidden // heads
    key_value = (getattr(config, "num_key_value_heads", None) or heads) * head_size
    attention = hidden * (2 * heads * head_size + 2 * key_value)
    layer = attention + 3 * hidden * config.intermediate_size + 2 * hidden
    embeddings = config.vocab_size * hidden * (1 if config.tie_word_embeddings else 2)
    return int(embeddings + layers * layer + hidden)


def render_chat(tokenizer: Any, base_model: str) -> str | None:
    """A chat of two turns as the model reads it; None without a chat template."""
    if not tokenizer.chat_template:
        return None
    try:
        return str(tokenizer.apply_chat_template(CHAT, tokenize=False))
    except Exception as error:
        raise CheckError(f"the chat template of {base_model} fails: {one_line(error)}") from error


def find_turn_end(tokenizer: Any, text: str) -> str:
    """The special token right behind the answer; empty when there is none."""
    ends, _ = split_turn_end(tokenizer, behind(text, CHAT[-1]["content"]))
    return str(tokenizer.convert_ids_to_tokens(ends[0])) if ends else ""


if __name__ == "__main__":
    main()
