"""The fields of a new run. Each writes into the session under its own name."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.catalogue import ModelEntry, local_models
from core.dataset.block import METHODS_OF_KIND
from core.dataset.card import Dataset
from core.dataset.sample import sample_rows
from core.spec.axolotl_schema import describe
from core.spec.draft import METHODS, OWN_TEMPLATE, PRECISIONS
from streamlit_app import draft_state, session
from streamlit_app.components import row_sample
from streamlit_app.components.model_check import parameters_text
from streamlit_app.dataset_words import RL_NOTES, RL_WORDS
from streamlit_app.display import count_text, plain

METHOD_WORDS = {"lora": "LoRA", "qlora": "QLoRA", "full": "Full"}
METHOD_NOTES = {
    "lora": "Trains a small adapter beside the base model. The usual choice.",
    "qlora": "LoRA on a base model squeezed to 4 bits, for models that would not fit otherwise.",
    "full": "Trains every weight. Needs by far the most memory; for small models.",
}
TEMPLATES = (OWN_TEMPLATE, "chatml", "alpaca", "llama3", "gemma", "phi_3", "mistral_v1")
TEMPLATE_WORDS = {OWN_TEMPLATE: "The model's own"}
PRECISION_WORDS = {"auto": "Automatic", "bf16": "bf16", "fp16": "fp16", "fp32": "fp32"}
TEMPLATED = ("chat", "preference")
"""Kinds of rows that are written with a chat template of the person's choice."""

UNKNOWN_GPUS = 2
FIELD_WIDTH = 140

HELP = {
    "num_epochs": "How often the training goes through all rows. 1 to 5 is usual.",
    "learning_rate": (
        "How far each step moves the weights. About 0.0002 for LoRA and QLoRA, 0.00002 for full. "
        "Too high: the loss jumps or rises. Too low: it hardly falls."
    ),
    "micro_batch_size": (
        "Rows that a GPU works on at once. Raise it while memory lasts, lower it when memory runs "
        "out."
    ),
    "gradient_accumulation_steps": (
        "How many micro batches make one step: a larger batch without more memory."
    ),
    "sequence_len": (
        "The longest row, in tokens. A token is about four letters. Memory grows with it."
    ),
    "val_set_size": (
        "The part of the rows to validate on instead of training on them: 0.05 is 5 %. "
        "100 is 100 rows, 0 is no validation."
    ),
    "lora_r": "The size of the adapter. 8 to 64; more can learn more, and costs memory.",
    "lora_alpha": "How strongly the adapter counts, divided by its rank. Often twice the rank.",
    "lora_dropout": "The part of the adapter left out by chance at each step, against overfitting.",
    "gradient_checkpointing": (
        "Computes parts twice instead of keeping them: much less memory, about a quarter slower."
    ),
    "sample_packing": (
        "Puts several short rows into one sequence: faster. Without flash attention the rows of "
        "one sequence can see each other."
    ),
    "precision": (
        "The numbers to compute with. bf16 is right for RTX 30 and newer, fp16 for older cards, "
        "fp32 needs twice the memory."
    ),
    "seed": "The same seed and the same spec give the same losses.",
    "chat_template": (
        "How turns are written for the model. Its own, if it has one; otherwise alpaca needs no "
        "new tokens."
    ),
}


def show_name(placeholder: str) -> None:
    """What the run is called."""
    st.text_input(
        "Name",
        key=draft_state.key("name"),
        placeholder=placeholder,
        max_chars=48,
        persist_state="session",
    )


def show_model(models: Mapping[str, ModelEntry]) -> None:
    """A base model of the catalogue or of this machine, or any name typed in."""
    st.selectbox(
        "Base model",
        model_options(models, draft_state.get("base_model")),
        key=draft_state.key("base_model"),
        format_func=lambda name: model_label(name, models),
        accept_new_options=True,
        placeholder="Choose one, or type a folder or a Hub ID",
        help="Choose one, or type a folder such as ./models/mine or a Hub ID such as org/name.",
        on_change=draft_state.adopt_model,
        persist_state="session",
    )
    entry = models.get(draft_state.get("base_model") or "")
    if entry:
        st.caption(plain(_model_note(entry)))


def model_options(models: Mapping[str, ModelEntry], chosen: str | None) -> list[str]:
    """Every base model that is offered, and the one that is chosen."""
    here = local_models(session.workspace())
    return list(dict.fromkeys([*models, *here, *([chosen] if chosen else [])]))


def show_dataset(datasets: Sequence[Dataset]) -> Dataset | None:
    """One of the datasets, with a look inside; a way to the first one when there is none."""
    if not datasets:
        st.info("There is no dataset yet.", icon=":material/dataset:")
        st.page_link(session.DATASETS_PAGE, label="Add a dataset", icon=":material/dataset:")
        return None
    by_name = {dataset.name: dataset for dataset in datasets}
    chosen = draft_state.get("dataset")
    if chosen == "":
        # Nobody has asked for one yet.
        draft_state.put("dataset", next(iter(by_name)))
    elif chosen not in by_name:
        draft_state.put("dataset", None)
    st.selectbox(
        "Dataset",
        list(by_name),
        key=draft_state.key("dataset"),
        index=None,
        format_func=lambda name: _dataset_label(by_name[name]),
        placeholder="Choose a dataset",
        persist_state="session",
    )
    dataset = by_name.get(draft_state.get("dataset") or "")
    if dataset is None:
        return None
    choose_rl(dataset, draft_state.key("rl"))
    sample = st.expander("Three of its rows", key="new-sample", on_change="rerun")
    if sample.open:
        with sample:
            row_sample.show(sample_rows(dataset, 3))
    return dataset


def choose_rl(dataset: Dataset, key: str) -> str:
    """How is learned from preferences: DPO, ORPO or KTO; nothing to choose for other rows."""
    methods = METHODS_OF_KIND.get(dataset.kind, ())
    if st.session_state.get(key) not in methods:
        st.session_state[key] = methods[0] if methods else ""
    if len(methods) > 1:
        st.segmented_control(
            "Learn from the pairs with",
            methods,
            key=key,
            format_func=lambda name: RL_WORDS[name],
            required=True,
            persist_state="session",
        )
    chosen = str(st.session_state[key] or "")
    if chosen:
        st.caption(f"**{RL_WORDS[chosen]}.** {RL_NOTES[chosen]}")
    return chosen


def show_method(entry: ModelEntry | None) -> None:
    """LoRA, QLoRA or full, and what belongs to the adapter."""
    st.segmented_control(
        "Method",
        METHODS,
        key=draft_state.key("method"),
        format_func=lambda name: METHOD_WORDS[name],
        required=True,
        on_change=draft_state.adopt_method,
        persist_state="session",
    )
    method = draft_state.get("method") or "lora"
    note = METHOD_NOTES[method]
    if entry and method not in entry.methods:
        words = " or ".join(METHOD_WORDS[name] for name in entry.methods)
        note += f" For {entry.name} on a 12 GB card, {words} is recommended."
    st.caption(plain(note))
    if method != "full":
        with st.grid(3, min_column_width=FIELD_WIDTH):
            _number("Rank (lora_r)", "lora_r")
            _number("Alpha (lora_alpha)", "lora_alpha")
            _number("Dropout", "lora_dropout", 0.05)


def show_training(dataset: Dataset | None, gpus: int | None) -> None:
    """How long and how fast it learns, from how much at once, and where."""
    with st.grid(2, min_column_width=FIELD_WIDTH):
        _number("Epochs", "num_epochs", 1.0, "%g")
        _number("Learning rate", "learning_rate", 1e-5, "%g")
        _number("Micro batch size", "micro_batch_size")
        _number("Gradient accumulation", "gradient_accumulation_steps")
        _number("Sequence length", "sequence_len", 64)
        if dataset is not None and dataset.validation_rows:
            st.text_input(
                "Validation",
                f"{count_text(dataset.validation_rows)} rows of its own",
                disabled=True,
                help="They were set aside when the dataset was added.",
            )
        else:
            _number("Validation part", "val_set_size", 0.05, "%g")
        show_gpus(gpus)
        _choice("Precision", "precision", PRECISIONS, PRECISION_WORDS, draft_state.get("gpus") == 0)
    if gpus == 0:
        st.caption("This machine has no GPU: the CPU trains. That suits tiny models only.")


def show_more(dataset: Dataset | None) -> None:
    """What mostly stays as it is."""
    with st.grid(2, min_column_width=FIELD_WIDTH):
        if dataset is None or dataset.kind in TEMPLATED:
            templates = tuple(dict.fromkeys([*TEMPLATES, draft_state.get("chat_template")]))
            _choice("Chat template", "chat_template", templates, TEMPLATE_WORDS)
        _number("Seed", "seed")
    _toggle("Gradient checkpointing", "gradient_checkpointing")
    _toggle("Sample packing", "sample_packing")


def show_gpus(count: int | None) -> None:
    """How many GPUs; `count` is what the daemon sees, None when it never said."""
    options = list(range((UNKNOWN_GPUS if count is None else count) + 1))
    # Asked for anew each time: the daemon may only now have seen the card.
    draft_state.put("gpus", min(st.session_state[draft_state.WANTED_GPUS] or 0, options[-1]))
    words = {0: "CPU", 1: "1 GPU"}
    note = "The daemon has not said yet how many GPUs there are."
    if count is not None:
        note = f"This machine has {count or 'none'}."
    st.selectbox(
        "GPUs",
        options,
        key=draft_state.key("gpus"),
        format_func=lambda number: words.get(number, f"{number} GPUs"),
        help=note,
        on_change=draft_state.adopt_gpus,
        persist_state="session",
    )


def _number(label: str, name: str, step: float = 1, form: str | None = None) -> None:
    # Without limits of its own: it would keep the old value and only turn red. The check tells.
    st.number_input(
        label,
        step=step,
        format=form,
        key=draft_state.key(name),
        help=help_text(name),
        persist_state="session",
    )


def _toggle(label: str, name: str) -> None:
    st.toggle(label, key=draft_state.key(name), help=help_text(name), persist_state="session")


def _choice(
    label: str, name: str, options: Sequence[str], words: dict[str, str], disabled: bool = False
) -> None:
    st.selectbox(
        label,
        options,
        key=draft_state.key(name),
        format_func=lambda option: words.get(option, option),
        help=help_text(name),
        disabled=disabled,
        persist_state="session",
    )


def help_text(name: str) -> str | None:
    """Our own words on a field, or Axolotl's."""
    return HELP.get(name) or plain(describe(name)) or None


def model_label(name: Any, models: Mapping[str, ModelEntry]) -> str:
    """The name in the catalogue with the size; another one as it stands."""
    entry = models.get(name)
    return f"{entry.name} ({parameters_text(entry.parameters)})" if entry else str(name)


def _model_note(entry: ModelEntry) -> str:
    licence = f"Licence: {entry.licence}."
    gate = " Accept its terms on huggingface.co first." if entry.gated else ""
    return f"{entry.note} {licence}{gate}"


def _dataset_label(dataset: Dataset) -> str:
    aside = f" + {count_text(dataset.validation_rows)}" if dataset.validation_rows else ""
    return f"{dataset.name} ({count_text(dataset.rows)}{aside} rows, {dataset.kind})"
