"""The GPUs, their driver, and whether torch is built for it.

NVML is asked directly: here its errors are the answer, where the daemon takes them for "no GPU".
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pynvml

from daemon.shell.doctor.finding import Finding, ok, problem, warning

PCI_DEVICES = Path("/sys/bus/pci/devices")
NVIDIA, DISPLAY = "0x10de", "0x03"
WSL_DEVICE = Path("/dev/dxg")
CUDA_OF_TORCH = re.compile(r"^cuda\b[^=]*= *'(\d+)\.(\d+)'", re.MULTILINE)
GIB = 1024**3

ADVICE = {
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: "Install the NVIDIA driver (580 or newer).",
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "Try `sudo modprobe nvidia`; if that fails, install the "
    "driver again for this kernel (with Secure Boot its module must be signed).",
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "The driver was updated while its old version is "
    "still loaded: restart the machine.",
    pynvml.NVML_ERROR_NO_PERMISSION: "Let this user read and write /dev/nvidia*.",
}

Version = tuple[int, int]


@dataclass(frozen=True)
class Card:
    """A GPU as the driver names it: its index, and the number in the name of its device file."""

    index: int
    minor: int
    name: str
    memory_gib: float | None


@dataclass(frozen=True)
class Driver:
    """The driver's version, the newest CUDA it supports if it tells, and its GPUs."""

    version: str
    cuda: Version | None
    cards: tuple[Card, ...]


def read_driver() -> Driver:
    """What the driver says. Raises NVMLError when it cannot be asked."""
    pynvml.nvmlInit()
    try:
        cuda = _optional(pynvml.nvmlSystemGetCudaDriverVersion_v2)
        return Driver(
            version=_optional(pynvml.nvmlSystemGetDriverVersion) or "of unknown version",
            cuda=(cuda // 1000, cuda % 1000 // 10) if cuda else None,
            cards=tuple(_read_card(index) for index in range(pynvml.nvmlDeviceGetCount())),
        )
    finally:
        pynvml.nvmlShutdown()


def has_card(devices: Path = PCI_DEVICES) -> bool:
    """Whether an NVIDIA card is in the machine, with or without a driver."""
    return any(
        _read(folder / "vendor") == NVIDIA and _read(folder / "class").startswith(DISPLAY)
        for folder in (devices.iterdir() if devices.is_dir() else ())
    )


def find_torch() -> Path | None:
    """The file in which torch says what it is built for; None where torch is not installed."""
    try:
        return Path(str(metadata.distribution("torch").locate_file("torch/version.py")))
    except metadata.PackageNotFoundError:
        return None


def cuda_of_torch(version_file: Path) -> Version | None:
    """The CUDA that torch is built for; None for a build for the CPU."""
    found = CUDA_OF_TORCH.search(_read(version_file))
    return (int(found[1]), int(found[2])) if found else None


def check_driver(answer: Driver | pynvml.NVMLError, is_card_there: bool) -> Finding:
    """Whether the driver answers, and with which GPUs."""
    if isinstance(answer, Driver):
        if not answer.cards:
            return warning(f"NVIDIA driver {answer.version} knows no GPU", "See `nvidia-smi`.")
        return ok(f"NVIDIA driver {answer.version}: {', '.join(map(_card_text, answer.cards))}")
    if not is_card_there:
        return warning(
            "No NVIDIA GPU: trainings run on the CPU", "Fine for the starter and small trials."
        )
    advice = ADVICE.get(answer.value, "See what `nvidia-smi` says; restart the machine.")
    return problem(f"There is an NVIDIA card, and its driver does not answer: {answer}", advice)


def device_files(cards: Iterable[Card]) -> list[Path]:
    """The files through which a process of ours reaches the GPUs."""
    if WSL_DEVICE.exists():
        return [WSL_DEVICE]
    names = ["nvidiactl", "nvidia-uvm", *(f"nvidia{card.minor}" for card in cards)]
    return [Path("/dev") / name for name in names]


def check_device_files(files: Sequence[Path]) -> Iterator[Finding]:
    """Whether this user may use the GPUs."""
    missing = [str(file) for file in files if not file.exists()]
    closed = [str(f) for f in files if f.exists() and not os.access(f, os.R_OK | os.W_OK)]
    if missing:
        yield problem(
            f"Missing: {', '.join(missing)}; CUDA cannot start", "sudo nvidia-modprobe -c 0 -u"
        )
    if closed:
        yield problem(
            f"Closed to this user: {', '.join(closed)}",
            "Add the user to the group that owns them (often `video` or `render`), and log in "
            "again.",
        )
    if not missing and not closed:
        yield ok("The GPUs' device files are open to this user")


def check_torch(built_for: Version | None, driver: Driver) -> Finding:
    """Whether the driver can run what torch is built for. A driver runs every minor version."""
    if built_for is None:
        return problem(
            "torch is the build for the CPU, so the GPUs lie idle",
            "Remove .venv and run `make setup` again.",
        )
    wanted = ".".join(map(str, built_for))
    if driver.cuda is None:
        return ok(f"torch is built for CUDA {wanted}")
    has = ".".join(map(str, driver.cuda))
    if driver.cuda[0] < built_for[0]:
        return problem(
            f"torch is built for CUDA {wanted}, driver {driver.version} supports only {has}",
            f"Install a driver that supports CUDA {built_for[0]} (580 or newer for CUDA 13).",
        )
    return ok(f"torch is built for CUDA {wanted}; the driver supports {has}")


def check() -> Iterator[Finding]:
    """All of the above on this machine."""
    try:
        driver = read_driver()
    except pynvml.NVMLError as error:
        yield check_driver(error, has_card())
        return
    yield check_driver(driver, True)
    torch = find_torch()
    if driver.cards:
        yield from check_device_files(device_files(driver.cards))
    if driver.cards and torch:
        yield check_torch(cuda_of_torch(torch), driver)


def _read_card(index: int) -> Card:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = _optional(pynvml.nvmlDeviceGetMemoryInfo, handle)
    minor = _optional(pynvml.nvmlDeviceGetMinorNumber, handle)
    return Card(
        index=index,
        minor=index if minor is None else minor,
        name=_optional(pynvml.nvmlDeviceGetName, handle) or "of unknown name",
        memory_gib=memory.total / GIB if memory else None,
    )


def _card_text(card: Card) -> str:
    memory = f" with {card.memory_gib:.1f} GiB" if card.memory_gib else ""
    return f"GPU {card.index} {card.name}{memory}"


def _optional(read: Callable[..., Any], *arguments: Any) -> Any:
    """The reading, or None where this card or driver does not offer it."""
    try:
        return read(*arguments)
    except pynvml.NVMLError:
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
