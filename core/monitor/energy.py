"""The energy that runs drew from their GPUs: power over the times in which they really trained."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from core.clock import from_text
from core.monitor.gpu_minute import MINUTE_S
from core.monitor.gpu_point import MAX_GAP_S
from core.monitor.gpu_track import Column, GpuTrack
from core.numbers import is_whole
from core.run.phase import LIVE
from core.run.status import RunStatus

J_PER_KWH = 3_600_000


@dataclass(frozen=True)
class Span:
    """A time in which a run had its GPUs; `end` is None while it has them."""

    begin: datetime
    end: datetime | None
    gpus: tuple[int, ...]


def trained_spans(events: Iterable[dict[str, Any]], status: RunStatus) -> list[Span]:
    """The run's attempts, from the events of its phases: pauses and waiting are left out.

    Events of older versions do not tell the GPUs of their attempt: those of the last one count.
    """
    spans: list[Span] = []
    begun: tuple[datetime, tuple[int, ...]] | None = None
    for at, event in _dated(events):
        phase = str(event.get("phase", ""))
        # Two starts in a row: a crash has cost the event in between.
        if begun and (phase not in LIVE or phase == "starting"):
            spans.append(Span(begun[0], at, begun[1]))
            begun = None
        if begun is None and phase in LIVE:
            begun = at, _gpus(event.get("gpus"), status.gpus)
    if begun:
        is_live = status.phase in LIVE
        spans.append(Span(begun[0], None if is_live else status.ended_at or status.since, begun[1]))
    return spans


def energy_kwh(track: GpuTrack, spans: Sequence[Span]) -> float | None:
    """The energy of the spans in kWh; None when no GPU told its power in them."""
    found = [
        joules
        for span in spans
        for index in span.gpus
        if index in track.gpus and (joules := _span_joules(track, index, span)) is not None
    ]
    return sum(found) / J_PER_KWH if found else None


def joules_of_watts(times: Column, watts: Column, begin_s: float, end_s: float) -> float | None:
    """The integral of power from `begin_s` to `end_s`, by trapezoids; gaps over 10 s count nothing.

    None where there are no two readings next to each other.
    """
    told = ~np.isnan(watts)
    times, watts = times[told], watts[told]
    first, second = times[:-1], times[1:]
    begin, end = np.maximum(first, begin_s), np.minimum(second, end_s)
    counts = (end > begin) & (second - first <= MAX_GAP_S)
    if not counts.any():
        return None
    slope = np.zeros(len(first))
    np.divide(np.diff(watts), second - first, out=slope, where=counts)
    middle = watts[:-1] + slope * ((begin + end) / 2 - first)
    return float(np.sum((middle * (end - begin))[counts]))


def joules_of_minutes(
    minutes: Column, joules: Column, begin_s: float, end_s: float
) -> float | None:
    """The joules of the minutes from `begin_s` to `end_s`; those at the ends count in part."""
    inside = np.minimum(minutes + MINUTE_S, end_s) - np.maximum(minutes, begin_s)
    share = np.clip(inside, 0, MINUTE_S) / MINUTE_S
    counts = (share > 0) & ~np.isnan(joules)
    return float(np.sum((joules * share)[counts])) if counts.any() else None


def energy_text(kwh: float | None, price_per_kwh: float | None = None, currency: str = "") -> str:
    """`0.42 kWh · 0.13 EUR`; the cost where there is a price, nothing where no power was told."""
    if kwh is None:
        return ""
    energy = f"{_number_text(kwh)} kWh" if kwh >= 0.001 else f"{kwh * 1000:.2f} Wh"
    return energy if price_per_kwh is None else f"{energy} · {kwh * price_per_kwh:.2f} {currency}"


def _span_joules(track: GpuTrack, index: int, span: Span) -> float | None:
    parts = track.energy(index)
    begin_s, end_s = span.begin.timestamp(), span.end.timestamp() if span.end else np.inf
    found = [
        joules_of_minutes(parts.minutes, parts.joules, begin_s, end_s),
        joules_of_watts(parts.times, parts.watts, begin_s, end_s),
    ]
    told = [joules for joules in found if joules is not None]
    return sum(told) if told else None


def _dated(events: Iterable[dict[str, Any]]) -> Iterable[tuple[datetime, dict[str, Any]]]:
    for event in events:
        try:
            yield from_text(str(event.get("at"))), event
        except ValueError:
            continue


def _gpus(told: Any, otherwise: tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(told, list) and all(map(is_whole, told)):
        return tuple(told)
    return otherwise


def _number_text(kwh: float) -> str:
    return f"{kwh:.3f}" if kwh < 0.1 else f"{kwh:,.2f}"
