"""What a planned run would learn from its data, in a line; and what speaks against starting it."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.dataset.card import Dataset
from core.errors import DatasetError, SpecError
from core.spec.draft import Draft
from core.spec.draft_doubt import find_errors
from core.spec.run_spec import RunSpec
from core.spec.sources import names_hub
from streamlit_app import audit_asking, session
from streamlit_app.audit_asking import Verdict
from streamlit_app.audit_words import summary_text
from streamlit_app.code_words import marked
from streamlit_app.components import audit_wait, dataset_learned
from streamlit_app.dataset_state import DATASET, TAB

DOWN = (
    "What would be learned is found out as soon as the daemon runs. Nothing speaks against "
    "starting before that."
)
LINK = "What is learned, row by row"


def show(draft: Draft, dataset: Dataset, model: Mapping[str, Any] | None) -> Verdict | None:
    """The line; `model` is what the check of the base model found. None while nothing is known."""
    config = _config(draft, dataset)
    # Until the model is known there is no tokenizer to ask.
    if config is None or not model or not model.get("ok"):
        return None
    verdict = _judge(config, draft.gpus)
    if verdict:
        show_link(draft, dataset)
    return verdict


def show_spec(spec: RunSpec) -> Verdict | None:
    """The line for a spec that was written by hand; what would have to be fetched is not asked."""
    if names_hub(spec.axolotl, session.workspace().root):
        return None
    return _judge(spec.axolotl, spec.gpus if isinstance(spec.gpus, int) else len(spec.gpus))


def _judge(config: dict[str, Any], gpus: int) -> Verdict | None:
    audit = audit_asking.ask(config)
    if audit is None:
        audit_wait.show(config, DOWN)
        return None
    if not audit.ok:
        st.caption(
            f":material/help: What would be learned could not be found out: {marked(audit.reason)}"
        )
        st.button(
            "Try again",
            icon=":material/refresh:",
            key="audit-again",
            on_click=audit_asking.ask_again,
            args=(config,),
        )
    if not audit_asking.is_made(audit):
        return None
    verdict = audit_asking.judge(audit, config, gpus)
    if audit.ok and audit.is_known:
        st.markdown(f":material/fact_check: {summary_text(audit, verdict.found)}")
    return verdict


def show_link(draft: Draft, dataset: Dataset) -> None:
    """The way to the dataset's page, where every token of this draft can be seen."""
    dataset_learned.adopt(draft, dataset)
    st.page_link(
        session.DATASETS_PAGE,
        label=LINK,
        icon=":material/school:",
        query_params={DATASET: dataset.name, TAB: "learned"},
    )


def _config(draft: Draft, dataset: Dataset) -> dict[str, Any] | None:
    """The keys to ask about; None as long as the form says something that cannot be."""
    if find_errors(draft, dataset):
        return None
    try:
        return audit_asking.config_of(draft, dataset)
    except (DatasetError, SpecError):
        return None
