"""What a GPU, its processes and the machine do, in words. Pure: values in, texts out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.gpu import GpuLimits, GpuSnapshot
from core.heartbeat import SeenProcess
from core.monitor.machine import MachineSnapshot
from streamlit_app.display import bytes_text, duration_text, gib_text, shorten

THROTTLE_WORDS = {
    "thermal": "slowed down by heat",
    "power": "at its power limit",
    "hardware": "slowed down by the hardware",
    "sync": "waiting for another GPU's clock",
}
THROTTLE_ADVICE = {
    "thermal": "The card is too hot and runs slower: look at fans, dust and air.",
    "power": "The card would run faster if it might draw more power. That is common and harmless.",
    "hardware": "The card protects itself: look at its power cables and its power supply.",
    "sync": "The card keeps to the clock of another one.",
}
OLD_AFTER_S = 4.0
MIB = 1024 * 1024


@dataclass(frozen=True)
class Tenant:
    """What computes on a GPU: the run `run_id`, or where that is empty what `name` tells."""

    run_id: str
    name: str
    memory_mib: int | None


def readings(snapshot: GpuSnapshot) -> Sequence[str]:
    """What the card tells of itself, in words; what it does not tell is left out."""
    texts = [
        (snapshot.utilization_pct, "% busy"),
        (snapshot.temperature_c, "°C"),
        (snapshot.fan_pct, "% fan"),
        (snapshot.power_w, "W"),
    ]
    told = [f"{value:.0f} {unit}" for value, unit in texts if value is not None]
    return told + slowed(snapshot.throttle)


def slowed(throttle: str) -> list[str]:
    """Why the clocks are held down, in words."""
    return [THROTTLE_WORDS[word] for word in throttle.split("+") if word in THROTTLE_WORDS]


def slowed_advice(throttle: str) -> str:
    """What to make of it, a sentence for each reason."""
    words = throttle.split("+")
    return " ".join(text for word, text in THROTTLE_ADVICE.items() if word in words)


def numbers(snapshot: GpuSnapshot, limits: GpuLimits) -> list[tuple[str, str, str]]:
    """Label, value and limit of each reading that the card tells."""
    told = [
        ("Temperature", _told(snapshot.temperature_c, "°C"), _heat_text(limits)),
        ("Fan", _told(snapshot.fan_pct, "%"), ""),
        ("Power", _told(snapshot.power_w, "W"), _power_text(snapshot.power_limit_w)),
        ("Clock", _told(snapshot.sm_clock_mhz, "MHz"), _most(limits.sm_clock_max_mhz, "MHz")),
    ]
    return [number for number in told if number[1]]


def tenants(processes: Iterable[SeenProcess], live_here: Iterable[str]) -> list[Tenant]:
    """What computes on a GPU, our runs first; `live_here` are the runs that have the GPU.

    The driver lists no process of a run that has not come to the GPU yet, and in some containers
    none at all.
    """
    of_runs: dict[str, list[SeenProcess]] = {run_id: [] for run_id in live_here}
    others = []
    for process in processes:
        if process.run_id:
            of_runs.setdefault(process.run_id, []).append(process)
        else:
            others.append(Tenant("", process_text(process), process.memory_mib))
    runs = [Tenant(run_id, "", _sum_mib(found)) for run_id, found in of_runs.items()]
    return runs + others


def process_text(process: SeenProcess) -> str:
    """A program that is no run: `ollama of alice, process 4242`."""
    if process.name.startswith("trainer.sandbox"):
        return "The sandbox of this app"
    name = shorten(process.name) or "A program that cannot be named"
    user = f" of {shorten(process.user)}" if process.user else ""
    return f"{name}{user}, process {process.pid}"


def memory_text(used_mib: int | None, total_mib: int | None) -> str:
    """`8.1 GiB of 12.0 GiB memory`."""
    return f"{gib_text(used_mib)} of {gib_text(total_mib)} memory"


def share(part: float | None, whole: float | None) -> float:
    """How much of the whole it is, from 0 to 1; 0 where that cannot be told."""
    return min(1.0, max(0.0, part / whole)) if part is not None and whole else 0.0


def age_text(age_s: float) -> str:
    """`Read 12 s ago`; nothing while a reading is as new as it can be."""
    return f"Read {duration_text(age_s)} ago" if age_s > OLD_AFTER_S else ""


def machine_bars(machine: MachineSnapshot, disk: bool = True) -> list[tuple[float, str]]:
    """The share and the text of each bar: processor, memory, swap where there is some, disk."""
    cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    bars = [
        (machine.cpu_pct / 100, f"Processor: {machine.cpu_pct:.0f} % of {cores} busy"),
        _bar("Memory", machine.memory_used_mib, machine.memory_total_mib),
    ]
    if machine.swap_total_mib:
        bars.append(_bar("Swap", machine.swap_used_mib, machine.swap_total_mib))
    if disk:
        free, total = machine.disk_free_mib, machine.disk_total_mib
        text = f"Disk: {bytes_text(free * MIB)} free of {bytes_text(total * MIB)}"
        bars.append((share(total - free, total), text))
    return bars


def _bar(name: str, used_mib: int, total_mib: int) -> tuple[float, str]:
    text = f"{name}: {gib_text(used_mib)} of {gib_text(total_mib)} used"
    return share(used_mib, total_mib), text


def _told(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:,.0f} {unit}"


def _most(value: float | None, unit: str) -> str:
    return "" if value is None else f"of {value:,.0f} {unit}"


def _power_text(limit_w: float | None) -> str:
    return _most(limit_w, "W allowed")


def _heat_text(limits: GpuLimits) -> str:
    return f"limit {limits.slowdown_c} °C" if limits.slowdown_c else ""


def _sum_mib(processes: Sequence[SeenProcess]) -> int | None:
    known = [process.memory_mib for process in processes if process.memory_mib is not None]
    return sum(known) if known else None
