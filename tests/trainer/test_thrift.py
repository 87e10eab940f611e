from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate.utils import other
from transformers import LlamaConfig, LlamaForCausalLM, Trainer

from trainer.thrift import remember_compiled_regions, remember_size


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[torch.nn.Module]:
    """The models that were walked through."""
    walked: list[torch.nn.Module] = []
    find = other.has_compiled_regions

    def walk(module: torch.nn.Module) -> bool:
        walked.append(module)
        return find(module)

    monkeypatch.setattr(other, "has_compiled_regions", walk)
    return walked


def test_compiled_parts_are_looked_for_once_in_each_model(walks: list[Any]) -> None:
    remember_compiled_regions()
    plain, compiled = torch.nn.Sequential(torch.nn.ReLU()), torch.nn.Sequential(torch.nn.ReLU())
    compiled[0] = torch.compile(compiled[0])
    for _ in range(3):
        assert not other.has_compiled_regions(plain)
        assert other.has_compiled_regions(compiled)
    assert walks == [plain, compiled]


def test_the_operations_of_a_step_are_counted_as_hugging_face_counts_them() -> None:
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=16, **sizes, **heads))
    trainer = SimpleNamespace(model=model)
    inputs = {"input_ids": torch.ones(3, 7)}
    counted = Trainer.floating_point_ops(trainer, inputs)
    remember_size(trainer)
    assert counted > 0
    assert trainer.floating_point_ops(inputs) == counted
    assert trainer.floating_point_ops({"pixels": torch.ones(1)}) == 0


def test_a_model_that_does_not_count_itself_is_left_alone() -> None:
    trainer = SimpleNamespace(model=torch.nn.ReLU())
    remember_size(trainer)
    assert not hasattr(trainer, "floating_point_ops")
