"""The parameters of several runs side by side, by Axolotl's own key names."""

from collections.abc import Mapping, Sequence
from typing import Any

Parameters = Mapping[str, str]
"""Texts by flat key: `learning_rate`, `datasets[0].path`, `run.gpus`."""


def flatten(config: Mapping[str, Any]) -> dict[str, str]:
    """Every value as a text under its flat key, in order; the run's name and nulls left out."""
    found: dict[str, str] = {}
    _collect(config, "", found)
    found.pop("run.name", None)
    return found


def all_keys(runs: Sequence[Parameters]) -> list[str]:
    """The keys that any of the runs has: those of the first run first."""
    return list(dict.fromkeys(key for run in runs for key in run))


def differing_keys(runs: Sequence[Parameters]) -> list[str]:
    """The keys that do not have the same value in every run.

    A run without any parameter tells nothing, so it differs from no other.
    """
    telling = [run for run in runs if run]
    return [key for key in all_keys(telling) if len({run.get(key) for run in telling}) > 1]


def value_text(value: Any) -> str:
    """A value as YAML writes it; numbers that are equal have the same text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _collect(value: Any, key: str, found: dict[str, str]) -> None:
    if value is None:
        return
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            _collect(part, f"{key}.{name}" if key else str(name), found)
    elif isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
        for place, part in enumerate(value):
            _collect(part, f"{key}[{place}]", found)
    elif isinstance(value, list):
        found[key] = ", ".join(map(value_text, value)) or "[]"
    else:
        found[key] = value_text(value)
