"""Loading: one base model in memory at a time, with the adapters of many runs on it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from trainer.sandbox.room import check_room
from trainer.sandbox.source import ADAPTER_WEIGHTS, Source

MAX_ADAPTERS = 4
# Nothing of a model's own code is run, and no pickle is opened.
SAFELY = {"trust_remote_code": False}


@dataclass
class Loaded:
    """A base model in memory, the adapters on it, and the tokenizers met so far."""

    source: Source
    rows: int | None
    model: Any
    adapters: dict[tuple[Path, int], str] = field(default_factory=dict)
    adapters_ever: int = 0
    tokenizers: dict[tuple[str, int], Any] = field(default_factory=dict)

    def serves(self, source: Source, rows: int | None) -> bool:
        """Whether the source's answers can come from this copy of the weights."""
        # Rows added by one adapter's training are noise to all others: they need their own copy.
        if (source.base, source.four_bit, rows) != (
            self.source.base,
            self.source.four_bit,
            self.rows,
        ):
            return False
        is_bare = source.adapter is None and self.source.adapter is None
        return not is_bare or source.stamp == self.source.stamp


class Models:
    """What is in memory now."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._loaded: Loaded | None = None

    @contextmanager
    def use(self, source: Source) -> Iterator[tuple[Any, Any]]:
        """The model with exactly the source's weights active, and its tokenizer."""
        try:
            loaded, tokenizer = self._load(source)
        except BaseException:
            # A base with half an adapter on it would answer wrongly from now on.
            self.free()
            raise
        if source.adapter is None and loaded.adapters:
            with loaded.model.disable_adapter():
                yield loaded.model, tokenizer
        else:
            yield loaded.model, tokenizer

    def _load(self, source: Source) -> tuple[Loaded, Any]:
        rows = embedding_rows(source)
        if self._loaded is None or not self._loaded.serves(source, rows):
            self.free()
            self._loaded = Loaded(source, rows, load_base(source, rows, self.device))
        loaded = self._loaded
        tokenizer = find_tokenizer(loaded, source)
        if source.adapter is not None:
            select_adapter(loaded, source)
        return loaded, tokenizer

    def free(self) -> None:
        """Give the memory of all weights back."""
        self._loaded = None
        free_memory()


def free_memory() -> None:
    """Give back what nothing refers to any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def load_base(source: Source, rows: int | None, device: str) -> Any:
    """The base model on the device, its embeddings grown to `rows` where training grew them."""
    if device == "cpu":
        check_room(source.base)
    model = AutoModelForCausalLM.from_pretrained(
        source.base, use_safetensors=True, **SAFELY, **placement(source, device)
    )
    if rows is not None and rows != model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(rows, mean_resizing=False)
    return model.eval()


def placement(source: Source, device: str) -> dict[str, Any]:
    """How the weights lie on the device: float32 on a CPU; 16 bit, or 4 as in training, on GPUs."""
    if device != "cuda":
        return {"dtype": torch.float32}
    dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    device_map: Any = "auto" if torch.cuda.device_count() > 1 else {"": 0}
    options = {"dtype": dtype, "device_map": device_map}
    if source.four_bit:
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    return options


def embedding_rows(source: Source) -> int | None:
    """How many tokens the embeddings saved with the adapter know; None when none are saved."""
    if source.adapter is None:
        return None
    with safe_open(source.adapter / ADAPTER_WEIGHTS, framework="pt") as weights:
        for key in weights.keys():  # noqa: SIM118 - it is no mapping
            if key.endswith("embed_tokens.weight"):
                return int(weights.get_slice(key).get_shape()[0])
    return None


def find_tokenizer(loaded: Loaded, source: Source) -> Any:
    """The source's tokenizer, read once."""
    key = (source.tokenizer, source.stamp)
    if key not in loaded.tokenizers:
        loaded.tokenizers[key] = AutoTokenizer.from_pretrained(source.tokenizer, **SAFELY)
    return loaded.tokenizers[key]


def select_adapter(loaded: Loaded, source: Source) -> None:
    """Make the source's adapter the active one, loading it if it is new."""
    assert source.adapter is not None
    key = (source.adapter, source.stamp)
    if key not in loaded.adapters:
        load_adapter(loaded, key)
    # Taken out and put back, so that the first key is the one not used for longest.
    loaded.adapters[key] = loaded.adapters.pop(key)
    loaded.model.set_adapter(loaded.adapters[key])


def load_adapter(loaded: Loaded, key: tuple[Path, int]) -> None:
    """Put one more adapter on the base, dropping the one not used for longest if they are many."""
    from peft import PeftModel

    loaded.adapters_ever += 1
    # Not the run id: a module's name cannot hold dots.
    name = f"adapter_{loaded.adapters_ever}"
    if not loaded.adapters:
        loaded.model = PeftModel.from_pretrained(loaded.model, key[0], adapter_name=name).eval()
    else:
        if len(loaded.adapters) >= MAX_ADAPTERS:
            drop_adapter(loaded, next(iter(loaded.adapters)))
        loaded.model.load_adapter(key[0], adapter_name=name)
    loaded.adapters[key] = name


def drop_adapter(loaded: Loaded, key: tuple[Path, int]) -> None:
    """Take an adapter off the base, and forget the tokenizer that was saved with it."""
    loaded.model.delete_adapter(loaded.adapters.pop(key))
    folder, stamp = key
    loaded.tokenizers.pop((str(folder), stamp), None)
