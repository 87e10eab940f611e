"""What came of several runs, and what they were asked to do, side by side. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.csv_text import Cell
from core.monitor.energy import energy_text
from core.monitor.outcome import Outcome
from core.spec.differences import Parameters, all_keys, differing_keys
from streamlit_app.display import UNKNOWN, count_text, duration_text, loss_text, shorten

MAX_CELL = 160
MAX_ROWS = 400


@dataclass(frozen=True)
class Compared:
    """What is known of a chosen run; times in seconds, energy in kWh, the cost in money."""

    run_id: str
    name: str
    phase: str
    slot: int
    steps: int
    tokens: int
    trained_s: float | None
    kwh: float | None
    cost: float | None
    outcome: Outcome
    parameters: Parameters


@dataclass(frozen=True)
class Fact:
    """A number of a run: how it is called and shown, its column in CSV, and which is the best."""

    title: str
    column: str
    value: Callable[[Compared], float | None]
    text: Callable[[float], str]
    best: Callable[[Iterable[float]], float] | None = None


def facts(currency: str) -> list[Fact]:
    """The facts in the order in which they are shown."""
    return [
        Fact("Last loss", "last_loss", lambda run: run.outcome.loss, loss_text),
        Fact("Lowest loss", "lowest_loss", lambda run: run.outcome.best_loss, loss_text, min),
        Fact(
            "Last validation loss",
            "last_validation_loss",
            lambda run: run.outcome.eval_loss,
            loss_text,
        ),
        Fact(
            "Best validation loss",
            "best_validation_loss",
            lambda run: run.outcome.best_eval_loss,
            loss_text,
            min,
        ),
        Fact(
            "Best validation loss at",
            "best_validation_step",
            lambda run: run.outcome.best_eval_step,
            lambda step: f"step {step:,.0f}",
        ),
        Fact("Steps trained", "steps", lambda run: run.steps or None, lambda n: f"{n:,.0f} steps"),
        Fact(
            "Tokens trained", "tokens", lambda run: run.tokens or None, lambda n: f"{n:,.0f} tokens"
        ),
        Fact("Time trained", "trained_s", lambda run: run.trained_s, duration_text),
        Fact(
            "Speed",
            "tokens_per_second",
            lambda run: run.outcome.tokens_per_second,
            lambda speed: f"{count_text(speed)} tokens/s",
            max,
        ),
        Fact("Energy", "energy_kwh", lambda run: run.kwh, energy_text),
        Fact("Cost", f"cost_{currency}", lambda run: run.cost, lambda x: f"{x:.2f} {currency}"),
    ]


def fact_rows(runs: Sequence[Compared], currency: str) -> list[dict[str, Any]]:
    """A row per fact that any run tells; the best value is marked where there is a best one."""
    rows = [{"name": "Phase", "cells": [{"text": run.phase, "best": False} for run in runs]}]
    for fact in facts(currency):
        values = [fact.value(run) for run in runs]
        if all(value is None for value in values):
            continue
        best = _best(fact, values)
        rows.append(
            {
                "name": fact.title,
                "cells": [
                    {
                        "text": UNKNOWN if value is None else fact.text(value),
                        "best": best is not None and value == best,
                    }
                    for value in values
                ],
            }
        )
    return rows


def parameter_keys(runs: Sequence[Compared], is_all: bool) -> list[str]:
    """The keys of the parameters to show: all of them, or only those that differ."""
    parameters = [run.parameters for run in runs]
    return all_keys(parameters) if is_all else differing_keys(parameters)


def parameter_rows(runs: Sequence[Compared], keys: Sequence[str]) -> list[dict[str, Any]]:
    """A row per parameter; what a run does not set is told as such."""
    return [
        {
            "name": shorten(key, MAX_CELL),
            "cells": [
                {"text": shorten(run.parameters.get(key, "not set"), MAX_CELL), "best": False}
                for run in runs
            ],
        }
        for key in keys[:MAX_ROWS]
    ]


def summary_table(runs: Sequence[Compared], currency: str, keys: Sequence[str]) -> list[list[Cell]]:
    """A line per run under a line of names, for a spreadsheet."""
    told = facts(currency)
    head: list[Cell] = ["run_id", "name", "phase", *(fact.column for fact in told), *keys]
    lines: list[list[Cell]] = [
        [
            run.run_id,
            run.name,
            run.phase,
            *(_rounded(fact.value(run)) for fact in told),
            *(run.parameters.get(key) for key in keys),
        ]
        for run in runs
    ]
    return [head, *lines]


def _best(fact: Fact, values: Sequence[float | None]) -> float | None:
    """The best value, if there is one that is better than another."""
    told = [value for value in values if value is not None]
    return fact.best(told) if fact.best and len(set(told)) > 1 else None


def _rounded(value: float | None) -> float | None:
    return round(value, 6) if isinstance(value, float) else value
