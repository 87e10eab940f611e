"""What the training loop works out at every step though it never changes: worked out once.

The libraries' own functions give the answers, so that nothing else becomes of them.
"""

from typing import Any
from weakref import WeakKeyDictionary

from accelerate.utils import other
from torch.nn import Module
from transformers import TrainerCallback, TrainerControl, TrainerState


class Thrift(TrainerCallback):
    """Spares a training the walks through all modules of its model.

    From its begin on: what compiles the model, wraps it or puts an adapter on it has been.
    """

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer

    def on_train_begin(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        remember_compiled_regions()
        remember_size(self.trainer)


def remember_compiled_regions() -> None:
    """Accelerate looks for compiled modules in every model it unwraps, several times a step."""
    find, known = other.has_compiled_regions, WeakKeyDictionary[Module, bool]()

    def recall(module: Module) -> bool:
        if module not in known:
            known[module] = find(module)
        return known[module]

    other.has_compiled_regions = recall


def remember_size(trainer: Any) -> None:
    """Hugging Face counts the model's parameters to tell how many operations a step took."""
    model = trainer.model
    if not hasattr(model, "num_parameters"):
        return
    name, size = getattr(model, "main_input_name", "input_ids"), None

    def count_operations(inputs: dict[str, Any]) -> int:
        nonlocal size
        if name not in inputs:
            return 0
        if size is None:
            size = model.num_parameters(exclude_embeddings=True)
        return int(6 * inputs[name].numel() * size)

    trainer.floating_point_ops = count_operations
