"""What a run was asked to do, and how long it took."""

from html import escape
from pathlib import Path

import streamlit as st

from core.run.store import Run
from streamlit_app import session, start_words
from streamlit_app.display import (
    UNKNOWN,
    dataset_text,
    gpus_text,
    hyperparameter_texts,
    method_text,
    model_text,
    moment_text,
    sentence,
)
from streamlit_app.run_config import started_config

_STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


def show(run: Run) -> None:
    """A short list: base model, dataset, method, parameters, where, when, how long."""
    # Not st.table: the scripts that draw it hold up the charts beside it.
    rows = "".join(_row(name, text) for name, text in facts(run).items() if text)
    st.html(f'<style>{_STYLE}</style><dl class="run-summary">{rows}</dl>')


def _row(name: str, text: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>"


def facts(run: Run) -> dict[str, str]:
    """The facts in words, in the order in which they are shown."""
    summary, status = session.index().summary(run), run.status
    return {
        "Base model": model_text(summary.base_model) or UNKNOWN,
        "Dataset": ", ".join(map(dataset_text, summary.datasets)) or UNKNOWN,
        "Method": method_text(summary.method),
        "Parameters": ", ".join(hyperparameter_texts(started_config(run))),
        "Batch": "Halved, as the GPU memory was too small" if status.shrinks else "",
        "Runs on": runs_on(run),
        "Submitted": "" if run.imported_from else moment_text(status.submitted_at, session.zone()),
        "Started": moment_text(status.started_at, session.zone()) if status.started_at else "",
        "First step": start_words.summary_text(session.start(run)),
        "Saved in": saved_in(run),
        "Ended": moment_text(status.ended_at, session.zone()) if status.ended_at else "",
    }


def runs_on(run: Run) -> str:
    """Where it trains or was trained; empty before its start, and where nothing tells."""
    if not run.status.started_at or run.imported_from:
        return ""
    return sentence(gpus_text(run.status.gpus))


def saved_in(run: Run) -> str:
    """Where the result or the checkpoints lie; empty while there are none."""
    if run.imported_from:
        return f"{run.imported_from}{'' if run.imported_from.is_dir() else ' (gone)'}"
    if not run.newest_part():
        return ""
    return str(run.paths.output.relative_to(session.workspace().root))
