"""Writes `core/spec/axolotl_schema.json` from the installed Axolotl: `python -m trainer.schema`."""

import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axolotl import integrations, prompt_strategies
from axolotl.integrations.base import BasePlugin
from axolotl.utils.data.wrappers import DATASET_HANDLERS
from axolotl.utils.schemas.config import AxolotlInputConfig
from axolotl.utils.schemas.enums import CustomSupportedOptimizers
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from transformers.trainer_utils import SchedulerType
from transformers.training_args import OptimizerNames

from core.spec import axolotl_schema

SCHEMA_FILE = Path(axolotl_schema.__file__).with_suffix(".json")


class _SchemaGenerator(GenerateJsonSchema):
    """Leaves out what JSON cannot say (enums of torch dtypes) instead of giving up."""

    def handle_invalid_for_json_schema(
        self, schema: core_schema.CoreSchema, error_info: str
    ) -> JsonSchemaValue:
        return {}

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        try:
            return super().enum_schema(schema)
        except Exception:  # pydantic raises a private serialisation error here
            return {}

    def encode_default(self, dft: Any) -> Any:
        try:
            return super().encode_default(dft)
        except Exception:  # as above
            return None


def build_schema() -> dict[str, Any]:
    """The schema of the installed Axolotl, with the keys of its own integrations."""
    schema = AxolotlInputConfig.model_json_schema(schema_generator=_SchemaGenerator)
    schema["x-plugin-keys"] = sorted(set(_plugin_keys()) - set(schema["properties"]))
    schema["x-dataset-types"] = sorted(set(_dataset_types()) | set(DATASET_HANDLERS))
    schema["x-optimizers"] = sorted(
        {name.value for name in (*OptimizerNames, *CustomSupportedOptimizers)}
    )
    schema["x-lr-schedulers"] = sorted(
        {name.value for name in SchedulerType} | {"one_cycle", "rex"}  # the last two are Axolotl's
    )
    return schema


def _dataset_types() -> Iterator[str]:
    """Every `type` a dataset may have: a strategy, or one function of its module.

    Preference strategies have two names: `dpo.chatml.intel` and `chatml.intel`.
    """
    for module_info in pkgutil.walk_packages(
        prompt_strategies.__path__, "axolotl.prompt_strategies."
    ):
        name = module_info.name.removeprefix("axolotl.prompt_strategies.")
        if name.rsplit(".", 1)[-1].startswith("_"):
            continue
        module = importlib.import_module(module_info.name)
        functions = [
            function_name
            for function_name, function in inspect.getmembers(module, inspect.isfunction)
            if function.__module__ == module.__name__ and not function_name.startswith("_")
        ]
        for base in {name, name.split(".", 1)[-1]}:
            yield base
            yield from (f"{base}.{function_name}" for function_name in functions)


def _plugin_keys() -> Iterator[str]:
    for plugin in _plugins():
        arguments = plugin().get_input_args()
        if arguments:
            module_name, class_name = arguments.rsplit(".", 1)
            yield from getattr(importlib.import_module(module_name), class_name).model_fields


def _plugins() -> Iterator[type[BasePlugin]]:
    for module_info in pkgutil.iter_modules(integrations.__path__, "axolotl.integrations."):
        try:
            module = importlib.import_module(module_info.name)
        except ImportError:  # an integration whose optional package is not installed
            continue
        for _, member in inspect.getmembers(module, inspect.isclass):
            if issubclass(member, BasePlugin) and member is not BasePlugin:
                yield member


if __name__ == "__main__":
    SCHEMA_FILE.write_text(json.dumps(build_schema(), indent=1) + "\n", encoding="utf-8")
    print(f"wrote {SCHEMA_FILE}")
