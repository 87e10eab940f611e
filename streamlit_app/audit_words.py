"""What an audit says, in words. Pure: values in, texts out."""

from collections.abc import Iterator

from core.audit.result import Audit, Sample
from core.audit.supervise import Supervision
from streamlit_app.dataset_words import percent_text, tokens_text
from streamlit_app.display import count_text

PARTS = {"chosen": "better answer", "rejected": "worse answer"}

Place = tuple[str, str, int, str]
"""Why a row is named, its file, its line, and a note."""


def summary_text(audit: Audit, found: Supervision) -> str:
    """A line of numbers, in Markdown."""
    about = "about " if found.is_about else ""
    told = [
        f"**{about}{counted_text(audit, found.rows_kept)}** of {count_text(found.rows)} kept",
        f"**{percent_text(found.share_trained)}** of {tokens_text(found.tokens_kept)} learned",
    ]
    longest = max((bar.length for bar in audit.histogram), default=0)
    if longest:
        told.append(f"longest {counted_word(audit)} {tokens_text(longest)}")
    told.append(f"**{steps_text(found.steps_per_epoch)}** per epoch")
    return " · ".join(told)


def counted_word(audit: Audit) -> str:
    """What is counted: a row, or a piece of plain text where rows are cut into several."""
    return "piece" if audit.sequences > audit.audited_rows else "row"


def counted_text(audit: Audit, count: int) -> str:
    """`1 row`, `1,234 pieces`."""
    word = counted_word(audit)
    return f"1 {word}" if count == 1 else f"{count_text(count)} {word}s"


def steps_text(count: int) -> str:
    """`1 step`, `1,234 steps`."""
    return "1 step" if count == 1 else f"{count_text(count)} steps"


def sample_text(audit: Audit, sample: Sample) -> str:
    """Which row of the audit it is, how long, and how much of it is learned."""
    trained = sum(token.is_trained for token in sample.tokens)
    of_file = f" of {sample.file}" if audit.files > 1 else ""
    place = f"{audit.unit.capitalize()} {count_text(sample.line)}{of_file}"
    told = [place, tokens_text(sample.length)]
    if sample.part:
        told.insert(1, PARTS.get(sample.part, sample.part))
    if len(sample.tokens) < sample.length:
        told.append(f"{count_text(trained)} of the first {count_text(len(sample.tokens))} learned")
    else:
        told.append(f"{count_text(trained)} learned")
    return " · ".join(told)


def places(audit: Audit) -> Iterator[Place]:
    """Every row that is named, with why."""
    for row in audit.failed.first:
        yield "Axolotl would stop", row.file, row.line, row.reason
    for why, marked in (
        ("Nothing to learn", audit.nothing_to_learn),
        ("No end token learned", audit.no_end),
        ("Answer spoiled by the template", audit.spoiled),
        ("Too short", audit.too_short),
        ("No text", audit.empty),
    ):
        for place in marked.first:
            yield why, place.file, place.line, ""
    for long in audit.longest:
        yield "Among the longest", long.file, long.line, tokens_text(long.length)
