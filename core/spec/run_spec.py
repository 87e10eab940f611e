"""What a person asked for: an Axolotl config with an optional `run:` block, parsed at the door."""

import re
from dataclasses import dataclass
from typing import Any

from core.errors import SpecError
from core.numbers import is_whole
from core.safe_yaml import load_yaml_mapping
from core.spec.axolotl_schema import find_problems, suggest
from core.spec.values import find_value_problems

KINDS = ("train",)
MAX_LISTED = 10
PARALLELISMS = ("ddp",)
ON_OOM = ("fail", "shrink")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.ya?ml")


@dataclass(frozen=True)
class RunSpec:
    """What the user asked for. Written once, never changed.

    `gpus` is how many GPUs, or which (indexes); 0 is the CPU. `axolotl` holds the Axolotl keys
    that were given, those set to null left out.
    """

    name: str
    axolotl: dict[str, Any]
    kind: str = "train"
    owner: str = ""
    gpus: int | tuple[int, ...] = 1
    parallelism: str = "ddp"
    priority: int = 0
    max_attempts: int = 3
    on_oom: str = "fail"

    @property
    def base_model(self) -> str:
        return str(self.axolotl["base_model"])

    @property
    def method(self) -> str:
        """`LoRA`, `QLoRA` or `full`, or Axolotl's own name of another adapter."""
        adapter = self.axolotl.get("adapter")
        return {"lora": "LoRA", "qlora": "QLoRA", None: "full"}.get(adapter, str(adapter))

    @property
    def datasets(self) -> tuple[str, ...]:
        """The paths or Hub IDs of the training data, in order."""
        entries = self.axolotl.get("datasets") or self.axolotl.get("pretraining_dataset") or []
        entries = entries if isinstance(entries, list) else [entries]
        return tuple(
            str(entry.get("path", "")) if isinstance(entry, dict) else str(entry)
            for entry in entries
        )


def parse_spec(text: str | bytes, default_name: str) -> RunSpec:
    """The spec in a YAML text. Raises SpecError naming every key that is wrong."""
    data = load_yaml_mapping(text)
    block = data.pop("run", None)
    axolotl = {key: value for key, value in data.items() if value is not None}
    problems = [*_run_problems(block), *find_problems(axolotl)]
    if not problems:
        problems = find_value_problems(axolotl)
    if problems:
        raise SpecError(list_problems(problems))
    return _build(block or {}, axolotl, default_name)


def recall_spec(text: str | bytes, default_name: str) -> RunSpec:
    """The spec of a run that was taken long ago, though its keys may be unknown by now.

    Raises SpecError when it cannot be read at all.
    """
    data = load_yaml_mapping(text)
    block = data.pop("run", None)
    block = block if isinstance(block, dict) and not _run_problems(block) else {}
    return _build(block, {k: v for k, v in data.items() if v is not None}, default_name)


def list_problems(problems: list[str]) -> str:
    """One problem as it is, several as a list of at most ten."""
    if len(problems) == 1:
        return problems[0]
    more = [f"{len(problems) - MAX_LISTED} more."] if len(problems) > MAX_LISTED else []
    return "\n".join(f"- {problem}" for problem in [*problems[:MAX_LISTED], *more])


def _build(block: dict[str, Any], axolotl: dict[str, Any], default_name: str) -> RunSpec:
    given = {key: value for key, value in block.items() if value is not None}
    gpus = given.pop("gpus", 1)
    return RunSpec(
        name=str(given.pop("name", default_name)),
        gpus=tuple(gpus) if isinstance(gpus, list) else gpus,
        axolotl=axolotl,
        **given,
    )


def _run_problems(block: Any) -> list[str]:
    if block is None:
        return []
    if not isinstance(block, dict):
        return [f"`run` must be a block of keys such as `name:` and `gpus:`, not {block!r}."]
    problems = []
    for key, value in block.items():
        if key not in _RUN_KEYS:
            hint = suggest(str(key), frozenset(_RUN_KEYS)) or f" Known: {', '.join(_RUN_KEYS)}."
            problems.append(f"`run.{key}` is not known.{hint}")
        elif value is not None and not _RUN_KEYS[key][0](value):
            problems.append(f"`run.{key}` cannot be {value!r}: expected {_RUN_KEYS[key][1]}.")
    return problems


def _is_gpus(value: Any) -> bool:
    if isinstance(value, list):
        indexes = [index for index in value if is_whole(index) and 0 <= index < 64]
        return 0 < len(indexes) == len(value) == len(set(indexes))
    return is_whole(value) and 0 <= value <= 64


_RUN_KEYS: dict[str, tuple[Any, str]] = {
    "name": (
        lambda value: isinstance(value, str) and NAME.fullmatch(value),
        "up to 64 letters, digits, dots, dashes or spaces, beginning with a letter or digit",
    ),
    "kind": (lambda value: value in KINDS, "one of " + ", ".join(KINDS)),
    "owner": (
        lambda value: isinstance(value, str) and NAME.fullmatch(value),
        "a name of up to 64 letters and digits",
    ),
    "gpus": (_is_gpus, "how many GPUs (0 is the CPU), or a list of GPU indexes such as [0, 1]"),
    "parallelism": (lambda value: value in PARALLELISMS, "one of " + ", ".join(PARALLELISMS)),
    "priority": (
        lambda value: is_whole(value) and abs(value) <= 1000,
        "a whole number from -1000 to 1000",
    ),
    "max_attempts": (
        lambda value: is_whole(value) and 1 <= value <= 100,
        "a whole number from 1 to 100",
    ),
    "on_oom": (lambda value: value in ON_OOM, "one of " + ", ".join(ON_OOM)),
}
