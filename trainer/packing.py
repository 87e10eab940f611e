"""An order of packed rows that can be gone on with in the middle of an epoch."""

from typing import Any

from accelerate.data_loader import SeedableRandomSampler
from axolotl.utils.samplers import MultipackBatchSampler, multipack
from torch.utils.data import RandomSampler, Sampler
from transformers import TrainerCallback, TrainerControl, TrainerState


class PackedOrder(TrainerCallback):
    """Packs the rows of each epoch in an order that depends on seed and epoch alone.

    Axolotl's order depends on the random numbers drawn so far, and it keeps the packs of an
    earlier epoch where rows are skipped to go on or several ranks train.
    """

    def __init__(self, trainer: Any, seed: int) -> None:
        self.trainer = trainer
        self.seed = seed
        self.packer: MultipackBatchSampler | None = None
        self._create = trainer._create_multipack_sampler
        trainer._create_multipack_sampler = self._create_in_order

    def _create_in_order(self, base_sampler: Sampler, dataset: Any) -> MultipackBatchSampler:
        if not isinstance(base_sampler, RandomSampler):  # an evaluation, or rows in given order
            return self._create(base_sampler, dataset)
        order = SeedableRandomSampler(dataset, data_seed=self.seed)
        self.packer = self._create(order, dataset)
        return self.packer

    def on_epoch_begin(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.packer is not None:
            batches = len(kwargs["train_dataloader"])
            epoch = state.global_step // max(1, -(-batches // args.gradient_accumulation_steps))
            self.packer.set_epoch(epoch)
            self.packer.sampler.set_epoch(epoch)


def keep_compiled() -> None:
    """Keep the machine code of Axolotl's packing on the disk; compiling it takes seconds."""
    for function in (multipack.ffd_check, multipack.pack_group, multipack.allocate_sequentially):
        function.enable_caching()
        if not is_whole(function._cache._cache_file):
            function._cache.flush()


def is_whole(kept: Any) -> bool:
    """Whether all that numba kept can be read: it writes without waiting for the disk, and what a
    power cut left torn would fail every later run.
    """
    try:
        for name in kept._load_index().values():
            kept._load_data(name)
    except Exception:
        return False
    return True
