"""`status RUN`: all that is known of one run."""

import json
from datetime import datetime

from core.clock import now
from core.log_text import clean_log
from core.run.failure import Failure
from core.run.phase import FINISHED, LIVE, Phase
from core.run.status import RunStatus, elapsed_s
from core.run.store import Run, Store
from daemon.shell.status import attempt_text, gpus_text, phase_text, progress_text, to_json
from daemon.shell.terminal import (
    Colour,
    age_text,
    columns,
    duration_text,
    moment_text,
    one_line,
    paint,
)


def show_run(store: Store, run: Run, as_json: bool) -> int:
    """Print one run in detail."""
    if as_json:
        print(json.dumps(to_json(run, store), indent=1))
        return 0
    at = now()
    facts = {**_facts(run.status, at), **_on_disk(run, store)}
    print(run.run_id)
    for line in columns([(name, text) for name, text in facts.items() if text]):
        print(line)
    for line in _failure_lines(run.status.failure):
        print(line)
    return 0


def _facts(status: RunStatus, at: datetime) -> dict[str, str]:
    progress = status.progress
    return {
        "name": one_line(status.name),
        "owner": one_line(status.owner),
        "phase": phase_text(status),
        "why": one_line(status.reason),
        "since": _moment(status.since, at),
        "submitted": _moment(status.submitted_at, at),
        "place": f"{status.position} in the queue" if status.position else "",
        "priority": str(status.priority) if status.priority else "",
        "progress": progress_text(status).strip(),
        "tokens": f"{progress.tokens:,}" if progress.tokens else "",
        "time left": duration_text(progress.eta_s) if status.phase in LIVE else "",
        "trained for": duration_text(elapsed_s(status, status.ended_at or at)),
        "GPUs": gpus_text(status),
        "attempt": attempt_text(status),
        "last died": f"at step {status.died_at_step:,}" if status.died_at_step is not None else "",
        "next try": _next_try(status, at),
        "shrunk": f"micro batch halved {status.shrinks} times" if status.shrinks else "",
        "held by": one_line(status.held_by),
    }


def _on_disk(run: Run, store: Store) -> dict[str, str]:
    goes_on = run.status.resumable and run.status.phase not in FINISHED - {Phase.FAILED}
    resumable = " (the run can go on from the newest)" if goes_on else ""
    steps = ", ".join(f"{step:,}" for step in run.checkpoints())
    return {
        "requested": ", ".join(store.requested(run.run_id)),
        "checkpoints": f"{steps}{resumable}" if steps else "",
        "folder": str(run.paths.folder),
    }


def _failure_lines(failure: Failure | None) -> list[str]:
    if failure is None:
        return []
    step = f" at step {failure.step:,}" if failure.step is not None else ""
    return [
        "",
        paint(f"Failed{step} ({failure.kind}): {one_line(failure.sentence)}", Colour.RED),
        *([f"What to try: {one_line(failure.advice)}"] if failure.advice else []),
        *(f"  | {clean_log(line)}" for text in failure.lines for line in text.splitlines()),
    ]


def _next_try(status: RunStatus, at: datetime) -> str:
    if status.retry_at is None or status.phase in FINISHED:
        return ""
    left_s = max(0.0, (status.retry_at - at).total_seconds())
    return f"{moment_text(status.retry_at)} (in {duration_text(left_s)})"


def _moment(moment: datetime, at: datetime) -> str:
    return f"{moment_text(moment)} ({age_text(moment, at)} ago)"
