"""Which format the rows of an arrival have, and which column plays which part."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.dataset.format import (
    ANSWERS,
    CONTEXTS,
    LABELS,
    QUESTIONS,
    SHAPES,
    SYSTEMS,
    TEXTS,
    TURNS,
    Format,
    show,
)
from streamlit_app.arrival_head import Head
from streamlit_app.code_words import marked
from streamlit_app.dataset_words import FORMAT_NOTES, PART_WORDS, format_text, percent_text
from streamlit_app.display import plain

NOTHING, TEMPLATE, COLUMN = "nothing", "template", "column "
"""What can play a part: nothing, a template, or `column <name>`."""

CANDIDATES: Mapping[str, Sequence[str]] = {
    "turns": TURNS,
    "question": QUESTIONS,
    "answer": (*ANSWERS, "chosen", "text"),
    "context": CONTEXTS,
    "system": SYSTEMS,
    "text": TEXTS,
    "chosen": ("chosen",),
    "rejected": ("rejected",),
    "label": ("label", "rating", "score"),
}
"""Columns that a part is looked for in when another format is chosen than was recognised."""

TEMPLATE_HELP = (
    "Text in which a column's name between braces stands for what that column holds. "
    "It may have several lines."
)
LABEL_HELP = "A good answer is one of: " + ", ".join(
    str(word) for word, is_good in LABELS.items() if is_good and isinstance(word, str)
)
PART_HELP = {
    "label": LABEL_HELP,
    "context": "Put below the question, after an empty line.",
    "system": "Put in front of the conversation.",
}
WIDTH = 200


def show_recognised(head: Head) -> None:
    """What was recognised, how surely, and what nothing would be taken from."""
    found = head.recognition
    if found is None:
        st.warning(
            "The format was not recognised. Choose below what the rows are, and what each column "
            "is.",
            icon=":material/help:",
        )
        return
    rows = len(head.records)
    looked = f"the first {rows} rows" if rows > 1 else "its one row"
    sure = f"{percent_text(found.confidence)} sure by {looked}"
    used = [name for name in head.columns if name in found.form.columns]
    left_out = [name for name in head.columns if name not in found.form.columns]
    told = [
        f"**{plain(format_text(found.form.name))}**, {sure}",
        f"columns used: {_listed(used)}",
        f"left out: {_listed(left_out)}" if left_out else "nothing left out",
    ]
    st.markdown(f":material/fact_check: {'; '.join(told)}.")


def choose_form(arrival_id: str, head: Head) -> Format | None:
    """The format and mapping that the person chose; None before there is a format."""
    found = head.recognition
    key = f"import_format_{arrival_id}"
    st.session_state.setdefault(key, found.form.name if found else None)
    name = st.selectbox(
        "Format",
        list(SHAPES),
        index=None,
        format_func=format_text,
        key=key,
        placeholder="Choose what the rows are",
        persist_state="session",
    )
    if name is None:
        return None
    st.caption(FORMAT_NOTES[name])
    known = dict(found.form.mapping) if found and found.form.name == name else {}
    guessed = known or guess(name, head.columns)
    mapping = {}
    with st.grid("auto", min_column_width=WIDTH):
        for part in SHAPES[name].parts:
            mapping[part] = _choose_source(arrival_id, name, part, head.columns, guessed)
    return Format(name, {part: source for part, source in mapping.items() if source})


def guess(name: str, columns: Sequence[str]) -> dict[str, str]:
    """The columns whose names fit the parts of the format, each at most once."""
    by_name = {column.strip().lower(): column for column in reversed(columns)}
    mapping: dict[str, str] = {}
    for part in SHAPES[name].parts:
        fits = (by_name[word] for word in CANDIDATES[part] if word in by_name)
        column = next((column for column in fits if column not in mapping.values()), "")
        if column:
            mapping[part] = column
    return mapping


def _choose_source(
    arrival_id: str, name: str, part: str, columns: Sequence[str], guessed: Mapping[str, str]
) -> str:
    """The column or template for one part; empty when it is nothing."""
    key = f"import_part_{name}_{part}_{arrival_id}"
    is_needed = part in SHAPES[name].needed
    options = [COLUMN + column for column in columns]
    if part not in ("turns", "label"):
        options.append(TEMPLATE)
    if not is_needed:
        options.insert(0, NOTHING)
    default = COLUMN + guessed[part] if part in guessed else (None if is_needed else NOTHING)
    st.session_state.setdefault(key, default)
    with st.container():
        choice = st.selectbox(
            PART_WORDS[part],
            options,
            index=None,
            format_func=_source_label,
            key=key,
            help=PART_HELP.get(part),
            placeholder="Choose a column",
            persist_state="session",
        )
        if choice == TEMPLATE:
            return (
                st.text_area(
                    f"Template for: {PART_WORDS[part].lower()}",
                    key=f"import_template_{name}_{part}_{arrival_id}",
                    height=96,
                    placeholder=_example(columns),
                    help=TEMPLATE_HELP,
                    persist_state="session",
                )
                or ""
            )
    return choice.removeprefix(COLUMN) if choice and choice != NOTHING else ""


def _source_label(choice: str) -> str:
    if choice == NOTHING:
        return "Nothing"
    if choice == TEMPLATE:
        return "Template…"
    return show(choice.removeprefix(COLUMN)) or "(no name)"


def _example(columns: Sequence[str]) -> str:
    first, second = (*columns, "title", "body")[:2]
    return f"{{{show(first)}}}\n\n{{{show(second)}}}"


def _listed(names: Sequence[str], most: int = 12) -> str:
    listed = ", ".join(f"**{plain(show(name))}**" for name in names[:most])
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{listed}{more}" if names else "none"


def show_gaps(gaps: Sequence[str]) -> None:
    """What is still to be chosen, in sentences."""
    if gaps:
        st.info(marked("\n".join(f"{gap[:1].upper()}{gap[1:]}." for gap in gaps)))
