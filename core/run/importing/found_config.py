"""The Axolotl config of a training, found in what Axolotl and PEFT leave beside the weights."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.errors import SpecError
from core.notice.address import hide_addresses
from core.safe_yaml import dump_yaml, load_yaml_mapping
from core.secret import SECRET
from core.settings import Settings
from core.spec.axolotl_schema import known_keys, load_schema
from core.spec.safety import find_safety_problems

MAX_TRIED = 10
"""So many places of a text are looked at: it may come from anyone."""

PLACED = ("output_dir", "dataset_prepared_path")
"""Keys that a run of ours sets itself."""

WORKED_OUT = (
    "axolotl_config_path",
    "base_model_config",
    "batch_size",
    "context_parallel_size",
    "dataset_num_proc",
    "ddp",
    "device",
    "device_map",
    "eval_causal_lm_metrics",
    "eval_max_new_tokens",
    "eval_table_size",
    "is_falcon_derived_model",
    "is_llama_derived_model",
    "is_mistral_derived_model",
    "is_qwen_derived_model",
    "local_rank",
    "resources_per_worker",
    "tensor_parallel_size",
    "tokenizer_config",
    "trl",
    "vllm",
    "world_size",
)
"""Keys that Axolotl adds itself before it prints its config; a person hardly ever writes them."""

SHOWN_AS_TOLD = ("base_model",)
"""Keys that may name what lies anywhere: they are checked when they are used."""

_FRONT = re.compile(r"\A---\s*\n(.*?)^---\s*$", re.MULTILINE | re.DOTALL)
_LOGGED = re.compile(r"\bconfig:\n(?=\{)")


def from_yaml(text: str | bytes) -> dict[str, Any]:
    """The config in a YAML file; empty when it is none."""
    return _readable(_mapping(text))


def from_model_card(text: str) -> dict[str, Any]:
    """The config that Axolotl writes into a `README.md`, or what its front matter tells."""
    found = (from_yaml(block) for block in itertools.islice(_find_blocks(text), MAX_TRIED))
    return next(filter(None, found), {}) or _from_front_matter(text)


def _find_blocks(text: str) -> Iterator[str]:
    """The YAML between fences."""
    block: list[str] | None = None
    for line in text.split("\n"):
        fence = line.rstrip()
        if block is None:
            block = [] if fence in ("```yaml", "```yml") else None
        elif fence == "```":
            yield "\n".join(block)
            block = None
        else:
            block.append(line)


def _from_front_matter(text: str) -> dict[str, Any]:
    front = _FRONT.match(text)
    card = _mapping(front[1]) if front else {}
    base = card.get("base_model")
    return {"base_model": base} if isinstance(base, str) and base else {}


def from_log(text: str) -> dict[str, Any]:
    """The config that Axolotl prints at its start, less its defaults; empty without one."""
    for place in itertools.islice(_LOGGED.finditer(text), MAX_TRIED):
        try:
            config, _ = json.JSONDecoder().raw_decode(text, place.end())
        except (ValueError, RecursionError):
            continue
        if readable := _readable(config):
            return {key: value for key, value in readable.items() if _was_asked(key, value)}
    return {}


def _was_asked(key: str, value: Any) -> bool:
    """Whether the key may have been in the config, and says more than Axolotl takes anyway."""
    if key not in known_keys() or key in WORKED_OUT:
        return False
    described = load_schema()["properties"].get(key, {})
    return "default" not in described or described["default"] != value


def from_adapter(record: Mapping[str, Any]) -> dict[str, Any]:
    """What an `adapter_config.json` tells: the base model and the parameters of LoRA."""
    base, modules = record.get("base_model_name_or_path"), record.get("target_modules")
    told = {
        "base_model": base if isinstance(base, str) and base else None,
        "adapter": "lora" if record.get("peft_type") == "LORA" else None,
        "lora_r": record.get("r"),
        "lora_alpha": record.get("lora_alpha"),
        "lora_dropout": record.get("lora_dropout"),
        "lora_target_modules": sorted(map(str, modules)) if isinstance(modules, list) else None,
    }
    return {key: value for key, value in told.items() if value is not None}


def from_model(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a model's own `config.json` tells: what it was trained from, in older versions."""
    base = record.get("_name_or_path")
    return {"base_model": base} if isinstance(base, str) and base else {}


def make_spec(
    config: Mapping[str, Any], name: str, settings: Settings, root: Path
) -> tuple[str, list[str]]:
    """The text of a spec with the config, and a sentence for each key that it may not hold here.

    A config may come from anyone: what would import code, hold a secret or leave the workspace
    is left out.
    """
    kept: dict[str, Any] = {}
    left_out: list[str] = []
    for key, value in config.items():
        if value is None or key in ("run", *PLACED):
            continue
        problem = next(_problems(key, value, settings, root), None)
        if problem is None:
            kept[key] = value
        else:
            left_out.append(f"left out `{key}`: {hide_addresses(problem)}")
    return dump_yaml({"run": {"name": name}, **kept}), left_out


def _problems(key: str, value: Any, settings: Settings, root: Path) -> Iterator[str]:
    try:
        text = dump_yaml({key: value})
        # Half a character pair, which JSON can hold, is no text that a page can show.
        json.dumps(value, ensure_ascii=False, default=str).encode()
        load_yaml_mapping(text)
    except (SpecError, ValueError, RecursionError) as error:
        yield f"it cannot be kept in a spec ({error})"
        return
    if key in SHOWN_AS_TOLD and not SECRET.search(text):
        return
    try:
        yield from find_safety_problems({key: value}, root, settings)
    except (OSError, RuntimeError, ValueError) as error:
        yield f"a path in it cannot be looked at ({error})"


def _readable(config: Any) -> dict[str, Any]:
    """The config if it is one of Axolotl: base model and adapter, if any, are texts."""
    if not isinstance(config, dict) or not isinstance(config.get("base_model"), str):
        return {}
    return config if isinstance(config.get("adapter") or "", str) else {}


def _mapping(text: str | bytes) -> dict[str, Any]:
    try:
        return load_yaml_mapping(text)
    except SpecError:
        return {}
