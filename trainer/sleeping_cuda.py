"""Importing a training's libraries without waking the GPU.

Some ask at their import what the GPU can do, and to answer, CUDA would be initialised: from then on
the process is bound to the GPUs that it sees, and may hold memory on them. NVML, which only looks,
knows the same.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch

CHECK_VARIABLE = "PYTORCH_NVML_BASED_CUDA_CHECK"
"""With it torch counts GPUs through NVML as well."""


class CudaAwake(RuntimeError):
    """An import has initialised CUDA all the same."""


@contextmanager
def sleeping_cuda() -> Iterator[None]:
    """Answer what imports ask about the GPU without CUDA. Raises CudaAwake when that was no use."""
    if not torch.version.cuda:
        yield
        return
    # It keeps the functions that it finds at its import, and asks none of them then.
    import_module("torch._dynamo.device_interface")
    with patch.multiple(
        torch.cuda,
        get_device_properties=ask_properties,
        get_device_capability=ask_capability,
        current_device=lambda: 0,
    ):
        yield
    forget_answers()
    if torch.cuda.is_initialized():
        raise CudaAwake("a library initialised CUDA when it was imported")


def ask_properties(device: Any = None) -> SimpleNamespace:
    """What NVML tells of the visible GPU of that number, under the names that torch uses."""
    import pynvml

    pynvml.nvmlInit()
    try:
        handle = find_handle(device_number(device))
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
        return SimpleNamespace(
            major=major,
            minor=minor,
            name=pynvml.nvmlDeviceGetName(handle),
            total_memory=pynvml.nvmlDeviceGetMemoryInfo(handle).total,
        )
    finally:
        pynvml.nvmlShutdown()


def ask_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability, such as (8, 6)."""
    properties = ask_properties(device)
    return properties.major, properties.minor


def device_number(device: Any) -> int:
    """The number in any of the forms in which torch takes a device."""
    if isinstance(device, int):
        return device
    index = getattr(device, "idx", getattr(device, "index", None))
    return index if isinstance(index, int) else 0


def find_handle(number: int) -> Any:
    """NVML knows all GPUs; which of them are meant, `CUDA_VISIBLE_DEVICES` says."""
    import pynvml

    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    if not visible:
        return pynvml.nvmlDeviceGetHandleByIndex(number)
    name = visible[number]
    if name.isdigit():
        return pynvml.nvmlDeviceGetHandleByIndex(int(name))
    return pynvml.nvmlDeviceGetHandleByUUID(name)


def forget_answers() -> None:
    """Let the real GPU be asked what was kept of the answers."""
    from torch._dynamo import device_interface
    from triton.runtime import driver

    device_interface.caching_worker_device_properties.clear()
    # One that was made meanwhile has kept the answering functions; it is made anew when needed.
    driver._default = driver._active = None
