"""What a run was asked to do, and how long it took."""

from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import SpecError
from core.files import Stamp, stamp
from core.run.store import Run
from core.safe_yaml import load_yaml_mapping
from streamlit_app import session, start_words
from streamlit_app.batch import shrunk
from streamlit_app.display import (
    UNKNOWN,
    dataset_text,
    gpus_text,
    hyperparameter_texts,
    method_text,
    model_text,
    moment_text,
    plain,
    sentence,
)


def show(run: Run) -> None:
    """A short list: base model, dataset, method, parameters, where, when, how long."""
    st.table(
        {name: plain(text) for name, text in facts(run).items() if text},
        border="horizontal",
    )


def facts(run: Run) -> dict[str, str]:
    """The facts in words, in the order in which they are shown."""
    summary, status = session.index().summary(run), run.status
    return {
        "Base\N{NO-BREAK SPACE}model": model_text(summary.base_model) or UNKNOWN,
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


def started_config(run: Run) -> dict[str, Any]:
    """The spec with the batch that is left of it after the GPU memory was too small."""
    config = load_config(run)
    return config | shrunk(config, run.status.shrinks) if run.status.shrinks else config


def load_config(run: Run) -> dict[str, Any]:
    """The spec as a mapping; empty when it cannot be read."""
    return _load(run.paths.spec, stamp(run.paths.spec))


@st.cache_data(max_entries=64, show_spinner=False)
def _load(path: Path, changed: Stamp) -> dict[str, Any]:
    try:
        return load_yaml_mapping(path.read_bytes())
    except (OSError, SpecError):
        return {}
