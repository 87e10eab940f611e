"""What a training needs before it knows which run it trains: imports, and what is made but once.

Nothing here may draw a random number, start a thread that computes, or touch a GPU: a run that
begins here must not differ from one that begins in a new process.
"""

import contextlib
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from core.errors import RecordError
from core.files import load_json
from core.paths import find_workspace
from trainer.long_imports import long_imports
from trainer.sleeping_cuda import sleeping_cuda

MODULES = (
    "axolotl.cli.args",
    "axolotl.cli.checks",
    "axolotl.cli.config",
    "axolotl.cli.train",
    "axolotl.common.datasets",
    "axolotl.core.builders.causal",
    "axolotl.core.builders.rl",
    "axolotl.loaders.adapter",
    "axolotl.loaders.model",
    "axolotl.loaders.processor",
    "axolotl.prompt_strategies.chat_template",
    "axolotl.train",
    "axolotl.utils.data",
    "axolotl.utils.quantization",
    "multiprocess.queues",
    "multiprocessing.popen_fork",
    "peft.tuners.lora.bnb",
    "peft.utils.transformers_weight_conversion",
    "scipy.io",
    "torch.profiler",
    "trainer.plugin",
    "transformers.models.gemma4.modeling_gemma4",  # looked at by Axolotl for every adapter
)
"""Axolotl imports most of itself only where it comes by; this is where every training comes by."""

MAX_ARCHITECTURES = 8


def warm_up() -> None:
    """Import, and make what is made at its first use. Takes seconds, once."""
    with long_imports():
        with sleeping_cuda():
            for name in MODULES:
                import_module(name)
            import_local_architectures()
        build_validators()
        build_conversions()
        compile_packing()


def import_local_architectures() -> None:
    """The code of the models that lie in the workspace: each kind has modules of its own."""
    kinds = {find_kind(path) for path in find_workspace().models.glob("*/config.json")}
    for kind in sorted(kinds - {""})[:MAX_ARCHITECTURES]:
        # One that transformers does not have, or cannot import, is for its own run to tell.
        with contextlib.suppress(Exception):
            import_module(architecture_module(kind))


def architecture_module(kind: str) -> str:
    """The module with the code of a kind of model; several kinds may share one."""
    from transformers.models.auto.configuration_auto import model_type_to_module_name

    name = model_type_to_module_name(kind)
    return f"transformers.models.{name}.modeling_{name}"


def find_kind(path: Path) -> str:
    """The `model_type` in a model's config.json; empty when it tells none."""
    try:
        return str(load_json(path).get("model_type", ""))
    except (OSError, RecordError):
        return ""


def build_validators() -> None:
    """Axolotl's schema, which it compiles when the first config is validated."""
    from axolotl.utils.config import validate_config
    from axolotl.utils.dict import DictDefault

    config = DictDefault(
        {
            "base_model": "none",
            "datasets": [{"path": "none.jsonl", "type": "chat_template"}],
            "micro_batch_size": 1,
            "gradient_accumulation_steps": 1,
            "learning_rate": 1e-4,
        }
    )
    # Told rather than asked, as asking would wake a GPU.
    capabilities = {"bf16": False, "fp8": False, "tf32": False, "n_gpu": 1}
    validate_config(config, capabilities, {"torch_version": version("torch").split("+")[0]})


def build_conversions() -> None:
    """The table by which transformers renames weights: hundreds of patterns to compile."""
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    get_checkpoint_conversion_mapping("llama")


def compile_packing() -> None:
    """What packs rows is compiled at its first use."""
    from axolotl.utils.samplers import MultipackBatchSampler
    from torch.utils.data import SequentialSampler

    from trainer.packing import keep_compiled

    keep_compiled()
    for sequential in (False, True):
        MultipackBatchSampler(
            SequentialSampler(range(2)),
            batch_size=1,
            batch_max_len=4,
            lengths=[1, 2],
            bin_size=4,
            sequential=sequential,
        ).generate_batches()
