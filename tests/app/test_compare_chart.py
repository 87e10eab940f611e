import numpy as np
import pytest

from core.monitor.chart import Points
from core.monitor.outcome import Outcome
from streamlit_app.compare_chart import AXES, METRICS, Line, figure, summary
from streamlit_app.compare_facts import Compared, fact_rows, parameter_keys, summary_table
from streamlit_app.run_slots import DASHES, MARKERS, MAX_RUNS

LOSS, PERPLEXITY = METRICS[0], METRICS[2]
STEP, HOURS = AXES[0], AXES[2]


def line(slot: int, smooth: bool = True, count: int = 100) -> Line:
    y = np.linspace(3, 1, count)
    return Line(f"run {slot}", slot, Points(np.arange(count), y, y + 1 if smooth else None))


def compared(name: str, loss: float | None, **parameters: str) -> Compared:
    return Compared(
        name, name, "Failed", 0, 0, 0, 60.0, None, None, Outcome(loss, loss), parameters
    )


def test_smoothed_curves_stand_before_their_values() -> None:
    faint, strong = figure([line(3)], LOSS, STEP).data
    assert faint.opacity < 1
    assert faint.hoverinfo == "skip"
    assert strong.y[0] == 4
    assert strong.meta == faint.meta == {"slot": 3}
    assert len(figure([line(3, smooth=False)], LOSS, STEP).data) == 1


def test_no_two_runs_have_the_same_colour_and_line() -> None:
    drawn = figure([line(slot, smooth=False) for slot in range(MAX_RUNS)], LOSS, STEP).data
    looks = {(trace.meta["slot"] % 10, trace.line.dash) for trace in drawn}
    assert len(looks) == MAX_RUNS
    assert len(DASHES) == len(MARKERS)


def test_few_points_are_marked() -> None:
    assert figure([line(1, count=5)], LOSS, STEP).data[-1].mode == "lines+markers"


def test_a_perplexity_is_the_exponent_of_a_loss_and_never_overflows() -> None:
    wild = Line("wild", 0, Points(np.arange(3), np.array([0.0, 1.0, 1e30])))
    values = figure([wild], PERPLEXITY, STEP).data[0].y
    assert values[:2] == pytest.approx([1, np.e])
    assert np.isfinite(values).all()
    assert figure([wild], LOSS, HOURS).data[0].x[2] == pytest.approx(2 / 3600, rel=0.02)


def test_the_chart_is_told_in_words() -> None:
    told = summary([line(0), line(1)], LOSS, STEP)
    assert told == "Training loss, over step: run 0 1.0000 last, run 1 1.0000 last"


def test_the_best_is_marked_where_one_is_better() -> None:
    rows = fact_rows([compared("a", 0.5), compared("b", 0.25), compared("c", None)], "EUR")
    marked = {row["name"]: [cell["best"] for cell in row["cells"]] for row in rows}
    assert marked["Lowest loss"] == [False, True, False]
    assert marked["Last loss"] == [False, False, False]
    same = fact_rows([compared("a", 0.5), compared("b", 0.5)], "EUR")
    assert not any(cell["best"] for row in same for cell in row["cells"])


def test_the_table_has_a_line_for_each_run_with_units_in_its_names() -> None:
    runs = [compared("a", 0.5, lora_r="8"), compared("b", 0.25)]
    keys = parameter_keys([*runs, compared("c", None, lora_r="16")], is_all=False)
    head, first, second = summary_table(runs, "EUR", keys)
    assert {"energy_kwh", "cost_EUR", "trained_s", "tokens_per_second"} < set(map(str, head))
    assert dict(zip(head, first, strict=True))["lora_r"] == "8"
    assert dict(zip(head, second, strict=True)) | {"lowest_loss": 0.25, "lora_r": None} == dict(
        zip(head, second, strict=True)
    )
