from pathlib import Path

from core.monitor.chart import Look, one
from core.monitor.outcome import Outcome, outcome
from core.monitor.series import Series
from core.paths import RunPaths
from tests.core.monitor.test_chart import read


def test_the_best_losses_are_told_beside_the_newest(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(
        '{"step": 1, "loss": 2.5, "tokens_per_second": 100}\n'
        '{"step": 2, "loss": 0.1, "tokens_per_second": 900}\n'
        '{"step": 2, "eval_loss": 0.7}\n'
        '{"step": 3, "loss": 0.3, "tokens_per_second": 300}\n'
        '{"step": 3, "eval_loss": 0.9}\n{"step": 4, "lo'
    )
    assert outcome(read(tmp_path)) == Outcome(
        loss=0.3,
        best_loss=0.1,
        eval_loss=0.9,
        best_eval_loss=0.7,
        best_eval_step=2,
        tokens_per_second=300.0,
    )


def test_a_run_without_metrics_has_no_outcome(tmp_path: Path) -> None:
    assert outcome(Series(RunPaths(tmp_path))) == Outcome()


def test_a_single_curve_is_as_fine_as_it_is_asked_for(tmp_path: Path) -> None:
    lines = [f'{{"step": {step}, "grad_norm": {step % 7}}}\n' for step in range(5000)]
    (tmp_path / "metrics.jsonl").write_text("".join(lines))
    series = read(tmp_path)
    thin, fine = (one(series, Look(), "grad_norm", points) for points in (1000, 9000))
    assert thin and fine
    assert len(thin.x) <= 1002
    assert len(fine.x) == 5000
    assert one(series, Look(), "loss") is None
