"""What Axolotl 0.19 knows: every config key, its type and its meaning.

`axolotl_schema.json` is generated from Axolotl's own types by `trainer/schema.py`, so that a spec
can be checked in milliseconds without importing Axolotl.
"""

import difflib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError

from core.spec.sources import dataset_entries


@cache
def load_schema() -> dict[str, Any]:
    """The JSON schema of an Axolotl config, with `x-plugin-keys` beside the standard ones."""
    text = Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
    return dict(json.loads(text))


@cache
def known_keys() -> frozenset[str]:
    """Every key an Axolotl config may have, those of its own integrations included."""
    schema = load_schema()
    return frozenset(schema["properties"]) | frozenset(schema["x-plugin-keys"])


@cache
def known_names(kind: str) -> frozenset[str]:
    """Every known name of a kind: `dataset-types`, `optimizers` or `lr-schedulers`."""
    return frozenset(load_schema()[f"x-{kind}"])


@cache
def known_dataset_keys() -> frozenset[str]:
    """Every key an entry of `datasets` may have."""
    names = [name for name in load_schema()["$defs"] if name.endswith("Dataset")]
    return frozenset(
        key for name in names for key in load_schema()["$defs"][name].get("properties", {})
    )


def describe(key: str) -> str:
    """Axolotl's own sentence on a key; empty when it has none."""
    return str(load_schema()["properties"].get(key, {}).get("description", ""))


def find_problems(config: dict[str, Any]) -> list[str]:
    """One sentence per key that Axolotl would ignore or refuse. Keys set to null are left out."""
    given = {key: value for key, value in config.items() if value is not None}
    unknown = list(_unknown_keys(given))
    known = {key: value for key, value in given.items() if key in load_schema()["properties"]}
    wrong = [_describe_error(error) for error in _validator().iter_errors(known)]
    return unknown + wrong


def suggest(word: str, known: frozenset[str]) -> str:
    """A question about the nearest known word, with a space before it; empty when none is near."""
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.7)
    return f" Did you mean `{near[0]}`?" if near else ""


def _unknown_keys(config: dict[str, Any]) -> Iterator[str]:
    for key in config:
        if key not in known_keys():
            hint = suggest(key, known_keys())
            yield f"`{key}` is not an Axolotl key and would be ignored.{hint or ' Remove it.'}"
    for where, entry in dataset_entries(config):
        for key in entry:
            if key not in known_dataset_keys():
                hint = suggest(key, known_dataset_keys())
                yield f"`{where}.{key}` is not an Axolotl key.{hint or ' Remove it.'}"


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(load_schema())


def _describe_error(error: ValidationError) -> str:
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"`{_dotted([*error.absolute_path, missing[0]])}` is missing."
    where = _dotted(error.absolute_path)
    value = json.dumps(error.instance, default=str)
    value = value if len(value) <= 60 else value[:57] + "..."
    return f"`{where}` cannot be {value}: expected {_expected(error.schema)}."


def _dotted(path: Any) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _expected(schema: dict[str, Any]) -> str:
    """The allowed values in words."""
    if "$ref" in schema:
        return _expected(load_schema()["$defs"][schema["$ref"].rsplit("/", 1)[-1]])
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        words = [_expected(option) for option in schema["anyOf"] if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(words)) or "nothing"
    if schema.get("minItems"):
        return "a list with at least one entry"
    limits = [f"{word} {schema[key]}" for key, word in _LIMITS.items() if key in schema]
    return " ".join([_TYPE_WORDS.get(str(schema.get("type")), "another kind of value"), *limits])


_TYPE_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a block of keys",
}

_LIMITS = {
    "minimum": "of at least",
    "exclusiveMinimum": "above",
    "maximum": "of at most",
    "exclusiveMaximum": "below",
}
