"""What a spec may not do: import code, carry secrets, or leave the workspace.

A spec may come from anyone, and several Axolotl keys import modules or read any path they name.
"""

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from core.secret import SECRET
from core.settings import Settings
from core.spec.sources import resolve

OWN_PLUGIN = "trainer.plugin.RunPlugin"
"""The daemon's own plugin: allowed, so that a finished run's config can be dropped again."""

CODE_KEYS = (
    "trainer_cls",
    "serve_module",
    "reward_funcs",
    "rollout_func",
    "nemo_gym_auto_start",
    "nemo_gym_auto_clone",
)
"""Keys whose value Axolotl or a library beneath it imports or starts."""

SENDING_KEYS = ("hub_model_id", "push_dataset_to_hub")
"""Keys that send the result or the data away, with the daemon's own token."""

SECRET_KEY = re.compile(r"(api_key|secret|password|access_token)$|^hf_token$")
URL = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)

TEXT_KEYS = (
    "chat_template_jinja",
    "special_tokens",
    "tokens",
    "added_tokens_overrides",
    "system_prompt",
    "default_system_message",
    "eot_tokens",
    "lora_target_modules",
    "lora_target_linear",
    "unfrozen_parameters",
    "type",
    "roles",
)
"""Keys whose text may begin with a slash without being a path."""


def find_safety_problems(config: dict[str, Any], root: Path, settings: Settings) -> list[str]:
    """One sentence per key that a spec may not have here; `root` is the workspace."""
    allowed = [root, *settings.allowed_folders]
    return [
        *_plugin_problems(config.get("plugins"), settings.allowed_plugins),
        *(
            problem
            for key, value in _walk(config)
            for problem in _value_problems(key, value, root, allowed, settings)
        ),
    ]


def _plugin_problems(plugins: Any, allowed: tuple[str, ...]) -> Iterator[str]:
    for plugin in plugins if isinstance(plugins, list) else []:
        name = str(plugin)
        if name != OWN_PLUGIN and not any(fnmatchcase(name, pattern) for pattern in allowed):
            yield (
                f"`plugins: {name}` would import code. Remove it, or add it to `allowed_plugins` "
                "in configs/settings.yaml."
            )


def _value_problems(
    key: str, value: Any, root: Path, allowed: list[Path], settings: Settings
) -> Iterator[str]:
    last = _names(key)[-1]
    if last == "trust_remote_code" and value is True and not settings.trust_remote_code:
        yield (
            f"`{key}: true` would run code from the model's repository. Remove it, or set "
            "`trust_remote_code: true` in configs/settings.yaml."
        )
    elif last in CODE_KEYS and value:
        yield f"`{key}` would import or start code; it is not allowed in a spec."
    elif last in SENDING_KEYS and value and not settings.hub_uploads:
        yield (
            f"`{key}` would upload to the Hugging Face Hub. Remove it, or set `hub_uploads: true` "
            "in configs/settings.yaml."
        )
    elif SECRET_KEY.search(last) or (isinstance(value, str) and SECRET.search(value)):
        yield (
            f"`{key}` holds a secret, which would end up in the model card. Put it into the "
            "daemon's environment instead."
        )
    elif isinstance(value, str) and not _is_text(key) and "\n" not in value:
        yield from _path_problems(key, value, root, allowed)


def _is_text(key: str) -> bool:
    return any(name in TEXT_KEYS or name.startswith("field") for name in _names(key))


def _names(key: str) -> list[str]:
    """The keys along a dotted key, without the numbers of list entries."""
    return re.sub(r"\[\d+\]", "", key).split(".")


def _path_problems(key: str, value: str, root: Path, allowed: list[Path]) -> Iterator[str]:
    if "\0" in value:
        yield f"`{key}` holds a NUL character."
    elif URL.match(value):
        yield f"`{key}: {value}` is a web address. Download it and name the file or folder."
    elif value.startswith("-"):
        yield f"`{key}: {value}` begins with a dash."
    elif _names_path(value, root):
        target = resolve(value, root).resolve()
        if not any(target.is_relative_to(folder) for folder in allowed):
            yield (
                f"`{key}: {value}` is outside the workspace {root}. Copy it there, or add its "
                "folder to `allowed_folders` in configs/settings.yaml."
            )
        elif value.startswith("~"):
            yield f"`{key}: {value}`: write {target}, for Axolotl does not know `~`."


def _names_path(value: str, root: Path) -> bool:
    return (
        value.startswith(("/", "~", "./"))
        or ".." in Path(value).parts
        or os.path.lexists(root / value)  # `models/link` leads out as well as `./models/link`
    )


def _walk(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of the config with its dotted key."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _walk(inner, f"{key}[{number}]")
    else:
        yield key, value
