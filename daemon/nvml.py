"""The one door to NVML, the NVIDIA driver's own readings."""

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import pynvml

from core import clock
from core.gpu import NO_LIMITS, GpuLimits, GpuProcess, GpuSnapshot

log = logging.getLogger(__name__)

RETRY_S = 60.0
MIB = 1024 * 1024

# With these the whole card is out of reach; any other error is one missing reading.
CARD_ERRORS = frozenset(
    {
        pynvml.NVML_ERROR_UNINITIALIZED,
        pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
        pynvml.NVML_ERROR_GPU_IS_LOST,
        pynvml.NVML_ERROR_RESET_REQUIRED,
        pynvml.NVML_ERROR_GPU_NOT_FOUND,
    }
)

THROTTLE_BITS = (
    (
        "power",
        pynvml.nvmlClocksThrottleReasonSwPowerCap
        | pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown,
    ),
    (
        "thermal",
        pynvml.nvmlClocksThrottleReasonSwThermalSlowdown
        | pynvml.nvmlClocksThrottleReasonHwThermalSlowdown,
    ),
    ("sync", pynvml.nvmlClocksThrottleReasonSyncBoost),
)

T = TypeVar("T")


@dataclass(frozen=True)
class Gpu:
    """A GPU as a place to run on; `index` counts in PCI bus order."""

    index: int
    uuid: str
    name: str
    memory_total_mib: int | None


@dataclass(frozen=True)
class GpuReading:
    """A snapshot of one GPU, the processes that compute on it, and what the card may come to."""

    snapshot: GpuSnapshot
    processes: tuple[GpuProcess, ...]
    limits: GpuLimits = NO_LIMITS


class Nvml:
    """The GPUs of this machine, none while there is no driver; asks again every 60 s."""

    def __init__(
        self,
        now: Callable[[], datetime] = clock.now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._count = 0
        self._retry_at = -math.inf
        self._said = ""
        self._lost: set[int] = set()
        self._limits: dict[int, GpuLimits] = {}

    def read(self) -> list[GpuReading]:
        """A reading of every GPU that answers, all of one moment."""
        at = self._now()
        return self._each(lambda index, handle: self._read_card(at, index, handle))

    def _read_card(self, at: datetime, index: int, handle: Any) -> GpuReading:
        snapshot = _snapshot(at, index, handle)
        # They do not change while the driver is open.
        if index not in self._limits:
            self._limits[index] = _read_limits(handle)
        return GpuReading(snapshot, _processes(handle), self._limits[index])

    def find_gpus(self) -> list[Gpu]:
        """Every GPU that answers."""
        return self._each(_describe)

    def close(self) -> None:
        """Let go of the driver; the next read opens it again."""
        with self._lock:
            self._shut()
            self._retry_at = -math.inf

    def _each(self, read: Callable[[int, Any], T]) -> list[T]:
        count = self._open()
        values = [self._try_card(index, read) for index in range(count)]
        found = [value for value in values if value is not None]
        if count and found:
            self._say(f"NVML answers; GPUs: {count}.")
        elif count:
            self._give_up("no GPU answers")
        return found

    def _open(self) -> int:
        """How many GPUs the driver knows; 0 while it cannot be asked."""
        with self._lock:
            if self._count or self._monotonic() < self._retry_at:
                return self._count
            try:
                pynvml.nvmlInit()
                self._count = int(pynvml.nvmlDeviceGetCount())
                why = "the driver knows no GPU"
            except pynvml.NVMLError as error:
                why = str(error)
        if not self._count:
            self._give_up(why)
        return self._count

    def _give_up(self, why: str) -> None:
        with self._lock:
            self._shut()
            self._retry_at = self._monotonic() + RETRY_S
        self._say(f"No GPU can be read ({why}); trying again every {RETRY_S:.0f} s.")

    def _shut(self) -> None:
        self._count = 0
        self._lost.clear()
        self._limits.clear()
        try:
            pynvml.nvmlShutdown()
        except pynvml.NVMLError:
            # It was never open, or the driver is gone: closed either way.
            return

    def _try_card(self, index: int, read: Callable[[int, Any], T]) -> T | None:
        try:
            value = read(index, pynvml.nvmlDeviceGetHandleByIndex(index))
        except pynvml.NVMLError as error:
            if index not in self._lost:
                log.warning("GPU %d does not answer: %s.", index, error)
            self._lost.add(index)
            return None
        if index in self._lost:
            log.info("GPU %d answers again.", index)
            self._lost.discard(index)
        return value

    def _say(self, text: str) -> None:
        """Log a line unless it was the last one, so that no line comes every second."""
        if text != self._said:
            self._said = text
            log.info(text)


def throttle_text(reasons: int) -> str:
    """Why the clocks are held down, as `power+thermal`; empty when idle, free or set so."""
    active = [name for name, bits in THROTTLE_BITS if reasons & bits]
    # The hardware bit comes with the thermal and power ones and says nothing more then.
    if reasons & pynvml.nvmlClocksThrottleReasonHwSlowdown and not active:
        active = ["hardware"]
    return "+".join(active)


def _snapshot(at: datetime, index: int, handle: Any) -> GpuSnapshot:
    used_mib, total_mib = _memory_mib(handle)
    utilization = _optional(pynvml.nvmlDeviceGetUtilizationRates, handle)
    return GpuSnapshot(
        at=at,
        index=index,
        uuid=pynvml.nvmlDeviceGetUUID(handle),
        name=pynvml.nvmlDeviceGetName(handle),
        memory_used_mib=used_mib,
        memory_total_mib=total_mib,
        utilization_pct=None if utilization is None else utilization.gpu,
        temperature_c=_optional(
            pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU
        ),
        fan_pct=_optional(pynvml.nvmlDeviceGetFanSpeed, handle),
        power_w=_watts(_optional(pynvml.nvmlDeviceGetPowerUsage, handle)),
        power_limit_w=_watts(_optional(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)),
        sm_clock_mhz=_optional(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
        throttle=throttle_text(
            _optional(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle) or 0
        ),
    )


def _read_limits(handle: Any) -> GpuLimits:
    temperature = pynvml.nvmlDeviceGetTemperatureThreshold
    powers = _optional(pynvml.nvmlDeviceGetPowerManagementLimitConstraints, handle)
    return GpuLimits(
        slowdown_c=_optional(temperature, handle, pynvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN),
        shutdown_c=_optional(temperature, handle, pynvml.NVML_TEMPERATURE_THRESHOLD_SHUTDOWN),
        power_max_w=_watts(powers[1]) if powers else None,
        sm_clock_max_mhz=_optional(pynvml.nvmlDeviceGetMaxClockInfo, handle, pynvml.NVML_CLOCK_SM),
    )


def _describe(index: int, handle: Any) -> Gpu:
    _, total_mib = _memory_mib(handle)
    uuid, name = pynvml.nvmlDeviceGetUUID(handle), pynvml.nvmlDeviceGetName(handle)
    return Gpu(index, uuid, name, total_mib)


def _processes(handle: Any) -> tuple[GpuProcess, ...]:
    running = _optional(pynvml.nvmlDeviceGetComputeRunningProcesses, handle) or []
    return tuple(GpuProcess(process.pid, _mib(process.usedGpuMemory)) for process in running)


def _memory_mib(handle: Any) -> tuple[int | None, int | None]:
    """Used and total memory in MiB."""
    # Version 2 keeps the driver's own reserve out of "used", as nvidia-smi does.
    for version in (pynvml.nvmlMemory_v2, None):
        memory = _optional(pynvml.nvmlDeviceGetMemoryInfo, handle, version)
        if memory is not None:
            return _mib(memory.used), _mib(memory.total)
    return None, None


def _optional(read: Callable[..., Any], *arguments: Any) -> Any:
    """The reading, or None where this card or driver does not offer it."""
    try:
        return read(*arguments)
    except pynvml.NVMLError as error:
        if error.value in CARD_ERRORS:
            raise
        return None


def _mib(size_bytes: int | None) -> int | None:
    return None if size_bytes is None else size_bytes // MIB


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else round(milliwatts / 1000, 1)
