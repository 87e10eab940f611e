"""The form of a new run as it lies in the session: one entry per field, kept across pages."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import streamlit as st

from core.catalogue import ModelEntry, load_catalogue, local_models
from core.errors import SpecError
from core.files import Stamp, stamp
from core.safe_yaml import load_yaml_mapping
from core.spec.draft import LARGE_BATCH, LEARNING_RATES, SMALL_BATCH, Draft, suited_batch
from core.spec.draft_read import find_losses, from_spec
from core.spec.preset import load_preset
from streamlit_app import session

PREFIX = "new_"
FROM_DEFAULTS = ""
LOSSES = "new_losses"
WANTED_GPUS = "new_wanted_gpus"
TURN_END_OF = "new_turn_end_of"
TEMPLATE_OF = "new_template_of"
VERSIONS = "new_versions"
MODE = "mode"
FORM, YAML = "Form", "YAML"
"""How a new run is written."""


def key(name: str) -> str:
    """Where a field's value lies in the session, and the key of its widget."""
    version = st.session_state.get(VERSIONS, {}).get(name)
    return f"{PREFIX}{name}~{version}" if version else f"{PREFIX}{name}"


def get(name: str) -> Any:
    """The value of a field."""
    return st.session_state[key(name)]


def put(name: str, value: Any) -> None:
    """Set a field; only before its widget is drawn, or in a callback.

    Its widget becomes another one. The old one's value may still be on its way from the browser,
    sent along by a part that looks for news, and Streamlit would take that for the newer value.
    """
    state = st.session_state
    before = key(name)
    if before in state and (type(state[before]), state[before]) == (type(value), value):
        return
    state.pop(before, None)
    versions = state.get(VERSIONS, {})
    state[VERSIONS] = {**versions, name: versions.get(name, 0) + 1}
    state[key(name)] = value


def turn_to_form() -> None:
    """Show the fields, not the text; only before New run is drawn, or in a callback."""
    put(MODE, FORM)


def default_draft(models: Mapping[str, ModelEntry]) -> Draft:
    """What a new form holds: the first model that can be had, and the batch that suits it."""
    model = next(iter(models), "")
    micro, accumulated = suited_batch(models[model].parameters if model else 0)
    return Draft(base_model=model, micro_batch_size=micro, gradient_accumulation_steps=accumulated)


def prepare(models: Mapping[str, ModelEntry]) -> None:
    """Give every field its default that has no value yet."""
    draft = default_draft(models)
    st.session_state.setdefault(WANTED_GPUS, draft.gpus)
    for name, value in (("from", FROM_DEFAULTS), ("yaml", ""), (MODE, FORM)):
        st.session_state.setdefault(key(name), value)
    for field in fields(Draft):
        st.session_state.setdefault(key(field.name), getattr(draft, field.name))


def fill(draft: Draft) -> None:
    """Put a whole draft into the form."""
    for field in fields(Draft):
        put(field.name, getattr(draft, field.name))
    st.session_state[WANTED_GPUS] = draft.gpus
    st.session_state[TURN_END_OF] = draft.base_model
    st.session_state.pop(TEMPLATE_OF, None)


def fill_from(config: Mapping[str, Any], text: str, name: str = "") -> None:
    """Put a spec into the form; what gets lost is told of, and stays in the text."""
    draft = from_spec(config)
    fill(replace(draft, name=draft.name or name))
    if not draft.dataset:
        put("dataset", None)
    losses = find_losses(config)
    # A text that differs from what was given counts as edited, and is left alone.
    _remember(losses, text if losses else "")


def _remember(losses: list[str], text: str) -> None:
    """Keep what the form has no field for, and the text that holds it."""
    st.session_state[LOSSES] = losses
    put("yaml", text)
    st.session_state["new_yaml_given"] = ""


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
            fill_from(*load_preset(session.workspace(), name))
        elif kind == "run":
            run = session.store().find_run(name)
            if run is None:
                return f"There is no run {name} any more."
            raw = run.paths.spec.read_bytes()
            text = raw.decode("utf-8", "replace")
            fill_from(load_yaml_mapping(raw), text, run.status.name)
        else:
            fill(replace(default_draft(catalogue()), dataset=get("dataset")))
            _remember([], "")
    except (OSError, SpecError) as error:
        return str(error)
    return ""


def adopt_method() -> None:
    """Set what suits the chosen method, where the value was that of another method."""
    if get("learning_rate") in LEARNING_RATES.values():
        put("learning_rate", LEARNING_RATES.get(get("method") or "lora", 2e-4))


def adopt_model() -> None:
    """Set the batch that suits the chosen model, where it was that of another one."""
    entry = catalogue().get(get("base_model") or "")
    batch = (get("micro_batch_size"), get("gradient_accumulation_steps"))
    if entry and batch in (SMALL_BATCH, LARGE_BATCH):
        micro, accumulated = suited_batch(entry.parameters)
        put("micro_batch_size", micro)
        put("gradient_accumulation_steps", accumulated)


def adopt_turn_end(found: Mapping[str, Any] | None) -> None:
    """Take over how the chosen model ends its turns; what another one did is forgotten."""
    if st.session_state.get(TURN_END_OF) != get("base_model"):
        put("turn_end", "")
        st.session_state[TURN_END_OF] = get("base_model")
    end = str(found.get("turn_end") or "") if found and found.get("ok") else ""
    if end and found and end != found.get("eos_token") and not get("turn_end"):
        put("turn_end", end)


def adopt_gpus() -> None:
    """Remember how many GPUs are wanted, also while fewer of them can be seen."""
    st.session_state[WANTED_GPUS] = get("gpus")


def catalogue() -> dict[str, ModelEntry]:
    """The offered base models by id, as far as they can be had here; read again when it changes."""
    workspace = session.workspace()
    models = _catalogue(workspace.catalogue, stamp(workspace.catalogue))
    here = local_models(workspace)
    return {
        model.id: model for model in models if not model.id.startswith("./") or model.id in here
    }


@st.cache_data(max_entries=8, show_spinner=False)
def _catalogue(path: Path, changed: Stamp) -> list[ModelEntry]:
    return load_catalogue(path)
