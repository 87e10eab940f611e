"""A dataset in numbers: rows, columns, lengths, duplicates, what was left out, how it was split."""

import streamlit as st

from core.dataset.card import Dataset
from core.dataset.format import BadRow, Format
from core.dataset.report import ColumnFacts, Extreme
from core.files import Stamp, parse_json_lines, stamp
from core.paths import DatasetPaths
from streamlit_app import length_chart
from streamlit_app.components import dataset_bad_rows
from streamlit_app.dataset_words import (
    ENCODING_WORDS,
    KIND_WORDS,
    PART_WORDS,
    format_text,
    letters_text,
    percent_text,
)
from streamlit_app.display import bytes_text, count_text, plain, rows_text

MAX_BAD_BYTES = 4 * 1024 * 1024
CHART = {"staticPlot": True}


def show(dataset: Dataset) -> None:
    """Everything that was seen while its rows were read."""
    _show_numbers(dataset)
    _show_facts(dataset)
    _show_bad_rows(dataset)
    columns, lengths = st.columns(2, gap="medium")
    with columns:
        _show_columns(dataset)
    with lengths:
        _show_lengths(dataset)
    _show_extremes(dataset)


def _show_numbers(dataset: Dataset) -> None:
    report = dataset.report
    facts = {
        "Rows to train on": count_text(dataset.rows),
        "Validation rows": count_text(dataset.validation_rows),
        "Rows left out": count_text(report.bad_rows),
        "Size": bytes_text(dataset.bytes),
    }
    if report.median_characters:
        facts["Typical row (letters)"] = count_text(report.median_characters)
        facts["Longest row (letters)"] = count_text(report.longest_characters)
    rows = dataset.rows + dataset.validation_rows
    if report.turns and rows:
        facts["Turns per row"] = f"{report.turns / rows:.1f}"
    with st.grid("auto", min_column_width=150):
        for label, value in facts.items():
            st.metric(label, value)


def _show_facts(dataset: Dataset) -> None:
    """Sentences, each about one thing."""
    report = dataset.report
    kind = KIND_WORDS.get(dataset.kind, dataset.kind)
    told = [f"**Format:** {plain(format_text(dataset.format))}, learned as {plain(kind)}"]
    if dataset.file_name:
        told.append(f"**File:** {plain(dataset.file_name)}{_encoding_text(report.encoding)}")
    told.append(f"**Duplicates:** {_duplicates_text(dataset)}")
    if split := _split_text(dataset):
        told.append(f"**Split:** {split}")
    if report.left_out:
        told.append(f"**Left out columns:** {plain(', '.join(report.left_out))}")
    st.markdown("\n".join(f"- {text}" for text in told))
    if dataset.system_prompt:
        st.caption("System prompt for rows that have none")
        st.text(dataset.system_prompt)


def _encoding_text(encoding: str) -> str:
    if encoding in ("utf-8", ""):
        return ""
    return f", read as {plain(ENCODING_WORDS.get(encoding, encoding))}"


def _duplicates_text(dataset: Dataset) -> str:
    report = dataset.report
    rows = dataset.rows + dataset.validation_rows
    if not report.histogram:
        return "not counted, since the dataset was not added here"
    if not report.near_duplicates:
        return "none"
    share = percent_text(report.near_duplicates / rows) if rows else ""
    near = report.near_duplicates - report.duplicates
    text = f"{rows_text(report.duplicates)} to the letter"
    if near:
        text += f", {count_text(near)} more but for case and spaces"
    return f"{text} ({share})"


def _split_text(dataset: Dataset) -> str:
    report = dataset.report
    if not dataset.validation_rows:
        return ""
    aside = rows_text(dataset.validation_rows)
    if dataset.validation >= 1:
        text = f"{aside} set aside, seed {dataset.seed}"
    elif dataset.validation:
        text = f"{aside} ({percent_text(dataset.validation)}) set aside, seed {dataset.seed}"
    else:
        text = f"{aside} in a file of their own"
    if report.leaked_rows:
        text += (
            f"; {rows_text(report.leaked_rows)} left out of it, for they stand among the rows to "
            "train on too"
        )
    return text


def _show_bad_rows(dataset: Dataset) -> None:
    report = dataset.report
    if not report.bad_rows:
        return
    total = dataset.rows + dataset.validation_rows + report.bad_rows
    label = f"{rows_text(report.bad_rows)} of {count_text(total)} left out"
    opened = st.expander(label, icon=":material/warning:", key="bad-rows", expanded=True)
    with opened:
        rows = _bad_rows(dataset.paths, stamp(dataset.paths.bad_rows)) or report.bad
        dataset_bad_rows.show(rows, report.bad_rows, f"bad-rows {dataset.name}")


@st.cache_data(max_entries=8, show_spinner=False)
def _bad_rows(paths: DatasetPaths, changed: Stamp) -> list[BadRow]:
    """The rows in `bad_rows.jsonl`; none where there is no such file."""
    try:
        with paths.bad_rows.open("rb") as file:
            records = parse_json_lines(file.read(MAX_BAD_BYTES).splitlines())
    except FileNotFoundError:
        return []
    names = ("line", "reason", "content")
    return [
        BadRow(*(record[name] for name in names))
        for record in records
        if all(name in record for name in names)
    ]


def _show_columns(dataset: Dataset) -> None:
    st.markdown("**Columns of the file**")
    facts = dataset.report.columns or tuple(ColumnFacts(name) for name in dataset.columns)
    if not facts:
        st.caption("Not known.")
        return
    st.dataframe(
        {
            "Column": [one.name for one in facts],
            "Used as": [_use_text(dataset, one.name) for one in facts],
            **(
                {
                    "Holds": [_types_text(one) for one in facts],
                    "Empty": [one.empty for one in facts],
                }
                if dataset.report.columns
                else {}
            ),
        },
        hide_index=True,
        column_config={"Empty": st.column_config.NumberColumn("Empty (rows)", format="localized")},
        alt="Columns of the file with use, types and how many values are empty",
    )


def _use_text(dataset: Dataset, name: str) -> str:
    """The parts that the column plays, in a template or by itself."""
    parts = [
        PART_WORDS.get(part, part)
        for part, source in dataset.mapping.items()
        if name == source or name in Format(dataset.format, {part: source}).columns
    ]
    return ", ".join(parts) or "left out"


def _types_text(facts: ColumnFacts) -> str:
    """`text`, or of several types the rows of each."""
    if len(facts.types) == 1:
        return next(iter(facts.types))
    return ", ".join(f"{kind}: {rows_text(count)}" for kind, count in facts.types.items())


def _show_lengths(dataset: Dataset) -> None:
    lengths = dataset.report.histogram
    if not lengths:
        return
    st.markdown("**How long the rows are**")
    st.plotly_chart(
        length_chart.figure(length_chart.centred(lengths), "letters"),
        config=CHART,
        key=f"lengths {dataset.name}",
        alt=(
            f"Lengths of the rows: half have at most "
            f"{letters_text(dataset.report.median_characters)}, the longest has "
            f"{letters_text(dataset.report.longest_characters)}"
        ),
    )


def _show_extremes(dataset: Dataset) -> None:
    report = dataset.report
    if report.shortest is None or report.longest is None:
        return
    shortest, longest = st.columns(2, gap="medium")
    with shortest:
        _show_extreme("Shortest row", report.shortest)
    with longest:
        _show_extreme("Longest row", report.longest)


def _show_extreme(title: str, row: Extreme) -> None:
    with st.container(border=True):
        st.caption(f"{title}: {letters_text(row.characters)}, line {count_text(row.line)}")
        st.text(row.content)
