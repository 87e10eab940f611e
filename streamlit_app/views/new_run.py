"""Choose a base model and a dataset, see the spec they make, and start it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from core.catalogue import ModelEntry
from core.dataset.card import Dataset, list_datasets
from core.errors import DatasetError, SpecError
from core.run.store import slug
from core.safe_yaml import load_yaml_mapping
from core.spec.draft import FALLBACK_TEMPLATE, OWN_TEMPLATE, Draft
from core.spec.draft_doubt import find_doubts, find_errors, find_limit_errors
from core.spec.draft_steps import count_steps
from core.spec.draft_write import to_yaml
from core.spec.preset import list_presets
from streamlit_app import draft_state, session
from streamlit_app.audit_asking import Verdict
from streamlit_app.code_words import marked
from streamlit_app.components import (
    audit_line,
    draft_form,
    model_check,
    start_panel,
    waiting_panel,
)
from streamlit_app.display import count_text, plain

LATEST_RUNS = 10


def choices() -> dict[str, str]:
    """What a run can start from, and how it is called."""
    presets = {f"preset:{name}": name for name in list_presets(session.workspace())}
    runs = {f"run:{run.run_id}": f"Run {run.run_id}" for run in session.runs()[:LATEST_RUNS]}
    chosen = draft_state.get("from") or ""
    if chosen.startswith("run:"):
        runs.setdefault(chosen, f"Run {chosen.removeprefix('run:')}")
    return {draft_state.FROM_DEFAULTS: "Defaults", **presets, **runs}


def follow_link() -> None:
    """Start from the run that a link names (`?from=<run id>`), once."""
    run_id = st.query_params.get("from")
    if run_id:
        del st.query_params["from"]
        draft_state.put("from", f"run:{run_id}")
        start_from()


def start_from() -> None:
    """Fill the form from what was chosen; the YAML follows the form."""
    st.session_state["new_trouble"] = draft_state.start_from(draft_state.get("from") or "")
    draft_state.turn_to_form()


def adopt_template(found: dict[str, object] | None) -> None:
    """Choose a chat template that works, once the check has told whether the model has one."""
    draft_state.adopt_turn_end(found)
    model = draft_state.get("base_model")
    done = st.session_state.get(draft_state.TEMPLATE_OF) == model
    if done or not found or not found.get("ok"):
        return
    st.session_state[draft_state.TEMPLATE_OF] = model
    chosen = draft_state.get("chat_template")
    if not found.get("has_chat_template") and chosen == OWN_TEMPLATE:
        draft_state.put("chat_template", FALLBACK_TEMPLATE)
        st.session_state["new_template_set"] = True
    elif found.get("has_chat_template") and st.session_state.pop("new_template_set", False):
        draft_state.put("chat_template", OWN_TEMPLATE)


def default_name(dataset: Dataset | None) -> str:
    """What a run is called when nobody names it: the dataset and the method."""
    method = draft_state.get("method") or "lora"
    stem = slug(dataset.name)[:40] if dataset else ""
    return f"{stem}-{method}" if stem else "run"


def show_head() -> None:
    """Where to start from, and how to write it."""
    names = choices()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Start from",
            list(names),
            key=draft_state.key("from"),
            format_func=lambda name: names.get(name, name),
            on_change=start_from,
            help="A preset or an earlier run; every value can be changed afterwards.",
            persist_state="session",
        )
        st.segmented_control(
            "Write it as",
            [draft_state.FORM, draft_state.YAML],
            key=draft_state.key(draft_state.MODE),
            required=True,
            on_change=carry_over,
            help="As YAML, every key of Axolotl can be used, and a whole config pasted in.",
            persist_state="session",
        )
    if st.session_state.get("new_trouble"):
        st.warning(plain(st.session_state["new_trouble"]))
    losses = st.session_state.get(draft_state.LOSSES)
    if losses and draft_state.get(draft_state.MODE) == draft_state.FORM:
        lost = ", ".join(f"`{name}`" for name in losses)
        st.warning(marked(f"The form has no field for: {lost}; use the YAML view to keep them."))


def carry_over() -> None:
    """Put the form's spec into the text when that is opened, unless the text was edited."""
    if draft_state.get("yaml") == st.session_state.get("new_yaml_given", ""):
        copy_form()


def copy_form() -> None:
    """Put the form's spec into the text."""
    text = st.session_state.get("new_text", "")
    draft_state.put("yaml", text)
    st.session_state["new_yaml_given"] = text


def fill_form() -> None:
    """Put what the YAML says into the form, as far as it has fields for it."""
    text = draft_state.get("yaml")
    try:
        draft_state.fill_from(load_yaml_mapping(text), text)
    except SpecError as error:
        st.session_state["new_trouble"] = str(error)
    else:
        st.session_state["new_trouble"] = ""
        draft_state.turn_to_form()


def show_form(models: Mapping[str, ModelEntry]) -> None:
    """The fields on the left, the spec they make on the right."""
    datasets = [one for one in list_datasets(session.workspace()) if one.is_trainable]
    heartbeat = session.heartbeat()
    form, result = st.columns([3, 2], gap="large")
    with form:
        show_head()
        name_slot = st.container()
        draft_form.show_model(models)
        model = draft_state.get("base_model") or ""
        found = model_check.ask(model) if model else None
        if model:
            adopt_template(found)
            model_check.show(model, found)
        dataset = draft_form.show_dataset(datasets)
        verdict = audit_line.show(draft_state.read(), dataset, found) if dataset else None
        draft_form.show_method(models.get(model))
        draft_form.show_training(dataset, len(heartbeat.gpus) if heartbeat else None)
        with st.expander("More"):
            draft_form.show_more(dataset)
        with name_slot:
            draft_form.show_name(default_name(dataset))
    with result:
        show_result(dataset, _why_no_dataset(datasets), verdict)


def show_result(dataset: Dataset | None, why_none: str, verdict: Verdict | None) -> None:
    """The spec of the form, what it means, and the button; without a dataset, why not."""
    if dataset is None:
        start_panel.show_disabled(why_none)
        return
    draft = draft_state.read()
    draft = replace(draft, name=draft.name.strip() or default_name(dataset))
    wrong = find_limit_errors(draft, dataset)
    if wrong:
        start_panel.show_disabled(" ".join(wrong))
        return
    try:
        text = to_yaml(draft, dataset)
    except DatasetError as error:
        st.error(marked(str(error)))
        return
    st.session_state["new_text"] = text
    count = count_steps(draft, dataset)
    steps = f"**{count_text(count)}** step" if count == 1 else f"**{count_text(count)}** steps"
    st.markdown(f"**{draft.effective_batch}** rows per step, about {steps}")
    show_doubts(draft, dataset, verdict)
    show_warnings(verdict)
    if verdict and verdict.warnings:
        audit_line.show_link(draft, dataset)
    blockers = verdict.blockers if verdict else ()
    start_panel.show(text, [*find_errors(draft, dataset), *blockers])
    st.code(text, language="yaml")


def show_doubts(draft: Draft, dataset: Dataset, verdict: Verdict | None) -> None:
    """What may not be meant, as far as the audit has not told it better."""
    is_counted = verdict is not None and verdict.audit.ok and verdict.audit.is_known
    for doubt in find_doubts(draft, _as_measured(dataset) if is_counted else dataset):
        st.warning(plain(doubt))


def show_warnings(verdict: Verdict | None) -> None:
    """What the audit found that does not keep the run from starting."""
    for warning in verdict.warnings if verdict else ():
        st.warning(marked(warning))


def _as_measured(dataset: Dataset) -> Dataset:
    """The dataset without its lengths in letters: once tokens are counted, nobody need guess."""
    report = replace(dataset.report, longest_bytes=0, longest_characters=0)
    return replace(dataset, report=report)


def _why_no_dataset(datasets: Sequence[Dataset]) -> str:
    if datasets:
        return "choose a dataset. The one that was meant is not here, or the form cannot hold it."
    return "there is no dataset to train on."


def show_yaml() -> None:
    """The spec as text, any Axolotl config pasted in."""
    form, result = st.columns([3, 2], gap="large")
    with form:
        show_head()
        st.text_area(
            "The spec: an Axolotl config, with an optional `run:` block",
            key=draft_state.key("yaml"),
            height=560,
            persist_state="session",
        )
        st.caption("Checked when you leave the field, or press Ctrl+Enter.")
    with result:
        text = draft_state.get("yaml") or ""
        spec, _ = start_panel.check(text)
        verdict = audit_line.show_spec(spec) if spec else None
        show_warnings(verdict)
        start_panel.show(text, verdict.blockers if verdict else ())
        with st.container(horizontal=True):
            st.button("Put this into the form", icon=":material/edit_note:", on_click=fill_form)
            if text != st.session_state.get("new_text", ""):
                st.button("Undo my edits", icon=":material/undo:", on_click=copy_form)
        st.caption("Keys that the form has no field for are kept.")


st.title("New run", anchor=False)
waiting = st.session_state.get(start_panel.WAITING)
if waiting is not None:
    waiting_panel.show(waiting)
else:
    models = draft_state.catalogue()
    draft_state.prepare(models)
    follow_link()
    if draft_state.get(draft_state.MODE) == draft_state.YAML:
        show_yaml()
    else:
        show_form(models)
