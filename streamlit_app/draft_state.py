"""The form of a new run as it lies in the session: one entry per field, kept across pages."""

from dataclasses import fields, replace
from typing import Any

import streamlit as st

from core.catalogue import ModelEntry, load_catalogue, local_models
from core.errors import SpecError
from core.safe_yaml import load_yaml_mapping
from core.spec.draft import LEARNING_RATES, Draft, from_spec
from core.spec.preset import load_preset
from streamlit_app import session

PREFIX = "new_"
FROM_DEFAULTS = ""


def key(name: str) -> str:
    """Where a field's value lies in the session, and the key of its widget."""
    return f"{PREFIX}{name}"


def get(name: str) -> Any:
    """The value of a field."""
    return st.session_state[key(name)]


def put(name: str, value: Any) -> None:
    """Set a field; only before its widget is drawn, or in a callback."""
    st.session_state[key(name)] = value


def prepare() -> None:
    """Give every field its default that has no value yet."""
    draft = Draft(base_model=next(iter(catalogue()), ""))
    for field in fields(Draft):
        st.session_state.setdefault(key(field.name), getattr(draft, field.name))


def fill(draft: Draft) -> None:
    """Put a whole draft into the form."""
    for field in fields(Draft):
        put(field.name, getattr(draft, field.name))


def read() -> Draft:
    """What the form holds; an emptied field counts as its default."""
    default = Draft()
    values = {field.name: get(field.name) for field in fields(Draft)}
    values = {
        name: getattr(default, name) if value is None else value for name, value in values.items()
    }
    return Draft(**values)


def start_from(choice: str) -> str:
    """Fill the form from `preset:<name>`, `run:<id>` or the defaults; a sentence if that fails."""
    kind, _, name = choice.partition(":")
    try:
        if kind == "preset":
            fill(from_spec(load_preset(session.workspace(), name)))
        elif kind == "run":
            run = session.store().find_run(name)
            if run is None:
                return f"There is no run {name} any more."
            draft = from_spec(load_yaml_mapping(run.paths.spec.read_bytes()))
            fill(replace(draft, name=draft.name or run.status.name))
        else:
            fill(Draft(dataset=get("dataset")))
    except (OSError, SpecError) as error:
        return str(error)
    return ""


def adopt_method() -> None:
    """Set what suits the chosen method, where the value was that of another method."""
    if get("learning_rate") in LEARNING_RATES.values():
        put("learning_rate", LEARNING_RATES.get(get("method") or "lora", 2e-4))


def catalogue() -> dict[str, ModelEntry]:
    """The offered base models by id, as far as they can be had here; read again when it changes."""
    workspace = session.workspace()
    models = _catalogue(workspace.catalogue, *session.stamp(workspace.catalogue))
    here = local_models(workspace)
    return {
        model.id: model for model in models if not model.id.startswith("./") or model.id in here
    }


@st.cache_data(max_entries=8)
def _catalogue(path: Any, mtime_ns: int, size: int) -> list[ModelEntry]:
    return load_catalogue(path)
