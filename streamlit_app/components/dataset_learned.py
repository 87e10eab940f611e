"""What a model would learn from the dataset: the audit, with the tokens themselves."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

import streamlit as st

from core.audit.request import depends_on_length
from core.catalogue import ModelEntry
from core.dataset.card import Dataset
from core.errors import DatasetError, SpecError
from core.spec.draft import FALLBACK_TEMPLATE, LIMITS, OWN_TEMPLATE, Draft
from streamlit_app import audit_asking, draft_state, length_chart, session
from streamlit_app.audit_asking import Verdict
from streamlit_app.audit_words import counted_word, places
from streamlit_app.code_words import marked
from streamlit_app.components import audit_wait, draft_form, model_check, token_rows
from streamlit_app.dataset_words import percent_text, tokens_text
from streamlit_app.display import count_text, plain, rows_text

MODEL, LENGTH, RL = "learned_model", "learned_length", "learned_rl"
CHART = {"staticPlot": True}
DOWN = "It is found out as soon as the daemon runs."
SHARES = (0.9, 0.95, 0.99, 1.0)
ROUND_TO = 64
SHORTEST = int(LIMITS["sequence_len"][0])


def show(dataset: Dataset) -> None:
    """What to ask about, and the answer."""
    if not dataset.is_trainable:
        st.info("Its rows have none of the known columns, so nothing can be learned from them.")
        return
    models = draft_state.catalogue()
    draft_state.prepare(models)
    draft, found = _choose(dataset, models)
    if not draft.base_model:
        st.caption("Choose a base model: its tokenizer decides.")
        return
    if not found or not found.get("ok"):
        model_check.show(draft.base_model, found)
        return
    try:
        config = audit_asking.config_of(draft, dataset)
    except DatasetError as error:
        st.error(marked(str(error)))
        return
    except SpecError as error:
        st.error(f"**It cannot be found out with these numbers:** {marked(str(error))}")
        st.caption("All of them but the sequence length are those in the form of New run.")
        return
    _show_answer(dataset, draft, config)


def adopt(draft: Draft, dataset: Dataset) -> None:
    """Ask about this draft when the tab is drawn next; only where none of its fields is."""
    st.session_state[MODEL] = draft.base_model
    st.session_state[LENGTH] = draft.sequence_len
    st.session_state[RL] = draft.rl
    if dataset.kind in draft_form.TEMPLATED:
        st.session_state[_template_key(draft.base_model)] = draft.chat_template


def _choose(
    dataset: Dataset, models: Mapping[str, ModelEntry]
) -> tuple[Draft, Mapping[str, Any] | None]:
    """The draft of New run with what is chosen here, and what is known of its base model."""
    planned = draft_state.read()
    st.session_state.setdefault(MODEL, planned.base_model or None)
    st.session_state.setdefault(LENGTH, max(SHORTEST, planned.sequence_len))
    with st.grid("auto", min_column_width=240):
        model = (
            st.selectbox(
                "Base model",
                draft_form.model_options(models, st.session_state[MODEL]),
                index=None,
                key=MODEL,
                format_func=lambda name: draft_form.model_label(name, models),
                accept_new_options=True,
                placeholder="Choose one, or type a folder or a Hub ID",
                persist_state="session",
            )
            or ""
        )
        found = model_check.ask(model) if model else None
        template = _choose_template(dataset, model, found)
        length = st.number_input(
            "Sequence length (tokens)",
            min_value=SHORTEST,
            step=ROUND_TO,
            key=LENGTH,
            help="The longest row that a run takes; the line in the chart.",
            persist_state="session",
        )
    draft = replace(
        planned,
        base_model=model,
        dataset=dataset.name,
        rl=draft_form.choose_rl(dataset, RL),
        chat_template=template,
        sequence_len=int(length or SHORTEST),
        turn_end=_turn_end(planned, model, found),
    )
    return draft, found


def _choose_template(dataset: Dataset, model: str, found: Mapping[str, Any] | None) -> str:
    """The chat template; for each model the one that suits it, until another is chosen."""
    if dataset.kind not in draft_form.TEMPLATED or not found or not found.get("ok"):
        return OWN_TEMPLATE
    key = _template_key(model)
    if key not in st.session_state:
        has_own = found.get("has_chat_template")
        st.session_state[key] = OWN_TEMPLATE if has_own else FALLBACK_TEMPLATE
    return str(
        st.selectbox(
            "Chat template",
            dict.fromkeys([*draft_form.TEMPLATES, st.session_state[key]]),
            key=key,
            format_func=lambda name: draft_form.TEMPLATE_WORDS.get(name, name),
            help=draft_form.help_text("chat_template"),
            persist_state="session",
        )
    )


def _template_key(model: str) -> str:
    return f"learned_template {model}"


def _turn_end(planned: Draft, model: str, found: Mapping[str, Any] | None) -> str:
    """How a turn ends, as New run would write it: a preset may name another end than the model."""
    told = planned.turn_end if model == planned.base_model else ""
    return told or audit_asking.turn_end(found)


def _show_answer(dataset: Dataset, draft: Draft, config: dict[str, Any]) -> None:
    audit = audit_asking.ask(config)
    if audit is None:
        audit_wait.show(config, DOWN)
        return
    verdict = audit_asking.judge(audit, config, draft.gpus)
    _show_verdict(verdict, config)
    if not audit.ok or not audit.is_known:
        return
    _show_numbers(verdict)
    if audit.histogram:
        _show_lengths(verdict, not depends_on_length(config))
    _show_places(verdict)
    token_rows.show(audit, f"tokens {dataset.name}")
    if st.button(
        "Plan a run like this",
        icon=":material/add_circle:",
        key="learned-use",
        help="Opens New run with this dataset, model, template and sequence length.",
    ):
        _plan_run(draft, dataset)


def _show_verdict(verdict: Verdict, config: dict[str, Any]) -> None:
    audit = verdict.audit
    if not audit_asking.is_made(audit):
        st.warning(f"It could not be found out: {marked(audit.reason)}")
    for blocker in verdict.blockers:
        st.error(f"**A run would stop here:** {marked(blocker)}", icon=":material/block:")
    for warning in verdict.warnings:
        st.warning(marked(warning))
    if not audit.ok:
        st.button(
            "Try again",
            icon=":material/refresh:",
            key="learned-again",
            on_click=audit_asking.ask_again,
            args=(config,),
        )
    if audit.is_sample:
        st.caption(
            f"Worked out from {rows_text(audit.audited_rows)} that are spread evenly over all "
            f"{count_text(audit.rows)}; numbers of the whole are estimates."
        )


def _show_numbers(verdict: Verdict) -> None:
    audit, found = verdict.audit, verdict.found
    counted = f"{counted_word(audit).capitalize()}s"
    facts = {
        f"{counted} kept": f"{count_text(found.rows_kept)} of {count_text(found.rows)}",
        "Tokens kept": count_text(found.tokens_kept),
        "Of these learned": percent_text(found.share_trained),
        "Tokens lost": f"{count_text(found.tokens_lost)} ({percent_text(found.share_lost)})",
        f"{counted} left out": count_text(found.rows_dropped),
        f"{counted} cut": count_text(found.rows_cut),
        "Nothing to learn": rows_text(round(audit.nothing_to_learn.count * audit.scale)),
        "No end token": rows_text(round(audit.no_end.count * audit.scale)),
        **({"Packs per epoch": count_text(found.packs)} if verdict.plan.packing else {}),
        "Steps per epoch": count_text(found.steps_per_epoch),
    }
    if not found.rows_cut:
        del facts[f"{counted} cut"]
    with st.grid("auto", min_column_width=150):
        for label, value in facts.items():
            st.metric(label, value)
    if found.is_about or found.packs_are_about:
        what = "Numbers" if found.is_about else "Packs and steps"
        st.caption(f"{what} are estimates: about right, not exact.")


def _show_lengths(verdict: Verdict, can_move: bool) -> None:
    """The histogram with the sequence length in it, and lengths that would fit."""
    lengths = [(bar.length, bar.rows) for bar in verdict.audit.histogram]
    limit = verdict.plan.sequence_len
    counted = f"{counted_word(verdict.audit)}s"
    st.markdown(f"**How long the {counted} are**")
    st.plotly_chart(
        length_chart.figure(lengths, "tokens", limit, counted.capitalize()),
        config=CHART,
        key="learned-lengths",
        alt=(
            f"Lengths of the {counted} in tokens: half have at most "
            f"{tokens_text(length_chart.share_within(lengths, 0.5))}, the longest has "
            f"{tokens_text(max(length for length, _ in lengths))}; the sequence length is "
            f"{tokens_text(limit)}"
        ),
    )
    if can_move:
        _show_fits(lengths, limit)


def _show_fits(lengths: list[tuple[int, int]], limit: int) -> None:
    fits: dict[int, float] = {}
    for share in SHARES:
        length = -(-length_chart.share_within(lengths, share) // ROUND_TO) * ROUND_TO
        fits[length] = share
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Sequence length for", width="content")
        for length, share in fits.items():
            st.button(
                f"{percent_text(share)} of the rows: {count_text(length)}",
                key=f"learned-fit-{share}",
                disabled=length == limit,
                on_click=_set_length,
                args=(length,),
            )


def _set_length(length: int) -> None:
    st.session_state[LENGTH] = length


def _show_places(verdict: Verdict) -> None:
    """Rows to look at, by line."""
    named = list(places(verdict.audit))
    if not named:
        return
    unit = verdict.audit.unit.capitalize()
    label = f"Rows to look at, by {verdict.audit.unit}"
    with st.expander(plain(label), icon=":material/list:", key="learned-places"):
        st.dataframe(
            {
                "Why": [why for why, _, _, _ in named],
                unit: [line for _, _, line, _ in named],
                **({"File": [file for _, file, _, _ in named]} if verdict.audit.files > 1 else {}),
                "Note": [note for _, _, _, note in named],
            },
            hide_index=True,
            column_config={unit: st.column_config.NumberColumn(width=80, format="localized")},
            alt="Rows that need a look, with why and where they stand",
        )


def _plan_run(draft: Draft, dataset: Dataset) -> NoReturn:
    """Take over into New run what was chosen here."""
    for name in ("dataset", "base_model", "sequence_len", "rl"):
        draft_state.put(name, getattr(draft, name))
    # Where none was chosen, New run looks for one that works once there are rows that need it.
    if dataset.kind in draft_form.TEMPLATED:
        draft_state.put("chat_template", draft.chat_template)
        st.session_state[draft_state.TEMPLATE_OF] = draft.base_model
    draft_state.turn_to_form()
    st.switch_page(session.NEW_RUN_PAGE)
