"""What the head of a run's page says, in words; the browser asks for it each second."""

import hashlib
import json
from typing import Any

from core import gpu
from core.clock import now
from core.files import stamp
from core.monitor.series import Series
from core.monitor.trend import WINDOW, change
from core.run.phase import FINISHED, LIVE, MOVES, Phase
from core.run.status import RunStatus, elapsed_s
from core.run.store import Run
from streamlit_app import run_energy, run_offer, session
from streamlit_app.display import (
    PHASE_COLORS,
    PHASE_ICONS,
    ago_text,
    count_text,
    duration_text,
    gib_text,
    loss_text,
    phase_text,
    sentence,
    steps_text,
)
from streamlit_app.gpu_words import readings
from streamlit_app.status_words import checkpoint_step, progress_text, why_text

LOST_LOSS = "The loss is no number any more (NaN or infinite). A lower learning rate often helps."
TREND_OF = 2 * WINDOW

Tile = tuple[str, str, str]
"""A label, its value, and a note on it."""


def tell(run: Run) -> dict[str, Any]:
    """All that the head shows, ready to be drawn."""
    status, curves = run.status, session.curves(run)
    has_lost = curves.lost_loss and not status.failure
    return {
        "phase": phase_text(status.phase),
        "color": PHASE_COLORS[status.phase],
        "icon": PHASE_ICONS[status.phase].strip(":").removeprefix("material/"),
        "why": why_text(status) + _since_text(status),
        "bar": _bar(status),
        "tiles": _tiles(status, curves) if status.started_at else [],
        "lines": _lines(run, curves) if status.started_at else [],
        "warning": LOST_LOSS if has_lost else "",
        "stale": _stale_text(status),
        "tab": tab_text(status),
        "revision": revision(run, curves),
        "moves": bool(MOVES[status.phase]),
    }


def revision(run: Run, curves: Series) -> str:
    """Another one whenever more of the page than its head has to be drawn anew."""
    offer, status = run_offer.find_offer(run), run.status
    seen = [
        status.phase,
        sorted(offer.verbs),
        sorted(offer.asked),
        offer.has_weights,
        curves.has_points,
        status.attempt,
        status.latest_checkpoint,
        stamp(run.paths.events),
    ]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:12]


def tab_text(status: RunStatus) -> str:
    """`42 % · poems`, for the browser's tab."""
    if status.phase in LIVE and status.progress.total_steps:
        return f"{status.progress.fraction:.0%} · {status.name}"
    return f"{phase_text(status.phase)} · {status.name}"


def trend_text(curves: Series) -> str:
    """`2.1 % below the 50 values before`; empty while there are too few."""
    found = change(curves.newest("loss", TREND_OF))
    if found is None:
        return ""
    part, count = found
    if abs(part) < 0.0005:
        return f"as the {count} values before"
    word = "below" if part < 0 else "above"
    return f"{'↓' if part < 0 else '↑'} {abs(part):.1%} {word} the {count} values before"


def _bar(status: RunStatus) -> dict[str, Any] | None:
    """How far it is; one that waits again shows how far it had come."""
    progress = status.progress
    if status.phase in FINISHED or not (status.phase in LIVE or progress.total_steps):
        return None
    return {"fraction": round(progress.fraction, 4), "text": progress_text(status)}


def _tiles(status: RunStatus, curves: Series) -> list[Tile]:
    is_finished = status.phase in FINISHED
    elapsed = duration_text(elapsed_s(status, status.ended_at or now()))
    tiles = [
        ("Loss", loss_text(curves.last("loss")), trend_text(curves)),
        ("Validation loss", loss_text(curves.last("eval_loss")), _best_text(curves)),
        ("Training time" if is_finished else "Elapsed", elapsed, ""),
    ]
    if not is_finished:
        tiles.append(("Time left", duration_text(status.progress.eta_s), ""))
    return tiles


def _best_text(curves: Series) -> str:
    best = curves.lowest("eval_loss")
    return f"best {loss_text(best[1])} at step {best[0]:,.0f}" if best else ""


def _lines(run: Run, curves: Series) -> list[str]:
    """Counts and energy in one line, and a line for each GPU it is on."""
    status = run.status
    counts = _counts(status, curves.last("tokens_per_second")) if curves.has_rows else []
    told = [*counts, *([energy] if (energy := run_energy.text(run)) else [])]
    gpus = _gpu_lines(status.gpus) if status.phase in LIVE else []
    return [sentence(" · ".join(told)), *gpus] if told else gpus


def _counts(status: RunStatus, tokens_per_second: float | None) -> list[str]:
    progress = status.progress
    # The bar of a live run tells its steps already.
    counts = [steps_text(progress)] if status.phase in FINISHED else []
    counts.append(f"epoch {progress.epoch:.2f}")
    if progress.tokens:
        counts.append(f"{count_text(progress.tokens)} tokens")
    if tokens_per_second is not None:
        counts.append(f"{count_text(tokens_per_second)} tokens per second")
    if status.phase not in FINISHED and (saved := checkpoint_step(status)) is not None:
        counts.append(f"newest checkpoint at step {saved:,}")
    return counts


def _gpu_lines(indexes: tuple[int, ...]) -> list[str]:
    lines = []
    for snapshot in gpu.latest(session.workspace().gpu):
        if snapshot.index in indexes:
            memory = (
                f"{gib_text(snapshot.memory_used_mib)} of {gib_text(snapshot.memory_total_mib)}"
            )
            lines.append(" · ".join([f"GPU {snapshot.index}", memory, *readings(snapshot)]))
    return lines


def _since_text(status: RunStatus) -> str:
    """How long it has been so, of what may last."""
    if status.phase not in (Phase.PAUSED, Phase.QUEUED):
        return ""
    ago = ago_text(status.since, now())
    return "" if ago == "just now" else f" · {phase_text(status.phase)} {ago}"


def _stale_text(status: RunStatus) -> str:
    """How old all this is, of a run that nobody follows now."""
    if status.phase in FINISHED or session.daemon():
        return ""
    beat = session.heartbeat()
    when = f", as of {ago_text(beat.beat_at, now())}" if beat else ""
    return f"Nobody follows this run now{when}: the daemon is not running."
