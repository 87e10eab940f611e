"""With stand-ins for torch's CUDA and for NVML: there is no GPU where tests run."""

import sys
from types import SimpleNamespace

import pytest
import torch
from torch._dynamo.device_interface import CudaInterface, caching_worker_device_properties

from trainer.sleeping_cuda import CudaAwake, find_handle, sleeping_cuda

CARDS = {"GPU-a": (8, 6), "GPU-b": (9, 0)}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A torch for CUDA, and two cards of which one is visible."""
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda number: list(CARDS)[number],
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlDeviceGetCudaComputeCapability=CARDS.__getitem__,
        nvmlDeviceGetName=str,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(total=12 << 30),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-b")


def test_imports_learn_the_capability_of_the_visible_gpu_without_cuda() -> None:
    asked_before = torch.cuda.get_device_capability
    with sleeping_cuda():
        assert torch.cuda.get_device_capability() == (9, 0)
        assert torch.cuda.get_device_properties("cuda:0").major == 9
        assert torch.cuda.current_device() == 0
    assert torch.cuda.get_device_capability is asked_before


def test_whoever_keeps_the_functions_keeps_the_real_ones() -> None:
    with sleeping_cuda():
        assert CudaInterface.current_device is not torch.cuda.current_device
        assert CudaInterface.get_device_properties is not torch.cuda.get_device_properties
    assert CudaInterface.current_device is torch.cuda.current_device


def test_an_answer_that_was_kept_is_forgotten_for_the_gpu_that_the_run_gets() -> None:
    with sleeping_cuda():
        caching_worker_device_properties["cuda"] = [torch.cuda.get_device_properties(0)]
    assert "cuda" not in caching_worker_device_properties


def test_a_library_that_initialises_cuda_all_the_same_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(CudaAwake), sleeping_cuda():
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)


@pytest.mark.parametrize(
    ("visible", "number", "card"),
    [("", 1, "GPU-b"), ("GPU-b,GPU-a", 1, "GPU-a"), ("1", 0, "GPU-b")],
)
def test_gpus_are_counted_as_cuda_counts_them(
    visible: str, number: int, card: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert find_handle(number) == card


def test_without_cuda_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    asked_before = torch.cuda.get_device_properties
    with sleeping_cuda():
        assert torch.cuda.get_device_properties is asked_before
