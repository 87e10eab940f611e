"""What is wrong with what a run would learn from: what stops it, and what to think about."""

from collections.abc import Iterator, Sequence

from core.audit.plan import Plan
from core.audit.result import Audit, FailedRow, LongRow, RowPlace
from core.audit.supervise import Supervision, supervise

NAMED = 5
"""So many lines are named in a sentence."""

LOW_SHARE = 0.02


def find_blockers(audit: Audit, plan: Plan) -> list[str]:
    """A sentence per reason why the run would learn nothing or die, and what to do about it."""
    if not audit.is_known:
        return []
    if not audit.ok:
        return [audit.reason]
    return [*_failures(audit), *(_emptiness(audit, plan, supervise(audit, plan)))]


def find_warnings(audit: Audit, plan: Plan) -> list[str]:
    """A sentence per thing that a person would want to know before the start."""
    if not audit.is_known:
        return [audit.reason]
    if not audit.ok or not audit.sequences:
        return []
    found = supervise(audit, plan)
    return [
        *_losses(audit, plan, found),
        *_unlearning(audit, plan, found),
        *_ends(audit),
        *_odd_rows(audit),
        *_spoiled(audit),
        *_template(audit, found),
        *audit.notes,
    ]


def _failures(audit: Audit) -> Iterator[str]:
    failed = audit.failed
    if not failed.count:
        return
    reasons = list(dict.fromkeys(row.reason for row in failed.first))
    if len(reasons) == 1 and failed.count > 1:
        yield (
            f"Axolotl would stop at {_count(failed.count, audit)} "
            f"({_where(audit, failed.first, failed.count)}): {reasons[0]}. Mend them, or leave "
            "them out."
        )
        return
    for row in failed.first[:NAMED]:
        yield (
            f"Axolotl would stop at {_at(audit, row)}: {row.reason}. Mend the row, or leave it out."
        )
    if failed.count > NAMED:
        yield f"Axolotl would stop at {_count(failed.count - NAMED, audit)} more."


def _emptiness(audit: Audit, plan: Plan, found: Supervision) -> Iterator[str]:
    if audit.failed.count and not audit.sequences:
        return
    if not audit.sequences:
        yield "There is nothing to train on: no row has any text."
        return
    if plan.strategy == "raise" and (long := _too_long(audit, plan)):
        yield (
            f"`excess_length_strategy: raise` stops the run: {_at(audit, long[0])} has "
            f"{long[0].length:,} tokens, and `sequence_len` is {plan.sequence_len:,}. Raise "
            "`sequence_len`, or let such rows be left out (`drop`) or cut (`truncate`)."
        )
    if found.rows_dropped == found.rows:
        yield (
            f"Every row is longer than `sequence_len` ({plan.sequence_len:,} tokens) or too short, "
            f"so none is left. The shortest has {audit.histogram[0].length:,} tokens: raise "
            "`sequence_len`, or let long rows be cut (`excess_length_strategy: truncate`)."
        )
    elif not found.tokens_trained:
        yield (
            "There is nothing to learn in any row: every token is masked. Check that each row has "
            "an answer, and `train_on_inputs`, `roles_to_train` and the chat template."
        )
    elif found.rows_kept == found.rows_validation:
        yield "`val_set_size` sets every row aside, so none is left to train on. Lower it."
    elif plan.packing and not found.steps_per_epoch:
        packs = "one pack" if found.packs == 1 else f"{found.packs:,} packs"
        yield (
            f"All rows together fill only {packs}, and one step takes "
            f"{plan.packs_per_batch * plan.gpus:,}. Lower `micro_batch_size`, or turn "
            "`sample_packing` off."
        )


def _losses(audit: Audit, plan: Plan, found: Supervision) -> Iterator[str]:
    about = "about " if found.is_about else ""
    too_long = _count_too_long(audit, plan, found)
    if too_long:
        lost = _share(found.tokens_lost, found.tokens)
        yield _begin(
            f"{about}{_of_rows(too_long, found.rows)} do not fit into `sequence_len` "
            f"({plan.sequence_len:,} tokens) and would be left out, {lost} of all tokens: "
            f"{_where(audit, _too_long(audit, plan), too_long)}."
        )
    if found.rows_cut:
        lost = _share(found.tokens_lost, found.tokens)
        yield _begin(
            f"{about}{_of_rows(found.rows_cut, found.rows)} are longer than `sequence_len` "
            f"({plan.sequence_len:,} tokens) and would lose their end, {lost} of all tokens: "
            f"{_where(audit, _too_long(audit, plan), found.rows_cut)}."
        )


def _count_too_long(audit: Audit, plan: Plan, found: Supervision) -> int:
    """The rows that are left out for their length, in all."""
    if plan.strategy == "truncate":
        return found.rows_dropped if audit.rl else 0
    rows = sum(bar.rows for bar in audit.histogram if bar.length > plan.sequence_len)
    return round(rows * audit.scale)


def _unlearning(audit: Audit, plan: Plan, found: Supervision) -> Iterator[str]:
    marked = audit.nothing_to_learn
    if marked.count and found.tokens_trained:
        fate = "packing leaves them out" if plan.packing else "they cost time and teach nothing"
        yield (
            f"In {_count(marked.count, audit)} there is nothing to learn, and {fate}: "
            f"{_where(audit, marked.first, marked.count)}."
        )
    cut_off = found.rows_without_learning - round(marked.count * audit.scale)
    if plan.strategy == "truncate" and not audit.rl and cut_off > 0:
        yield (
            f"In {cut_off:,} more rows nothing is left to learn once they are cut: all of it "
            f"stands behind the first {plan.sequence_len:,} tokens."
        )


def _ends(audit: Audit) -> Iterator[str]:
    marked = audit.no_end
    learning = audit.sequences - audit.nothing_to_learn.count
    if not marked.count:
        return
    if marked.count >= learning:
        yield (
            "The model would never learn to end its answer: in no row an end-of-sequence or "
            "end-of-turn token is learned. Name the template's own in `eot_tokens`, or choose a "
            "template that ends a turn with the tokenizer's end token."
        )
    else:
        yield (
            f"In {_count(marked.count, audit)} no end-of-sequence or end-of-turn token is learned "
            f"at the end: {_where(audit, marked.first, marked.count)}."
        )


def _odd_rows(audit: Audit) -> Iterator[str]:
    if audit.too_short.count:
        marked = audit.too_short
        yield (
            f"{_count(marked.count, audit)} have too few tokens and would be left out: "
            f"{_where(audit, marked.first, marked.count)}."
        )
    if audit.empty.count:
        marked = audit.empty
        yield (
            f"{_count(marked.count, audit)} have no text and would be left out: "
            f"{_where(audit, marked.first, marked.count)}."
        )


def _spoiled(audit: Audit) -> Iterator[str]:
    marked = audit.spoiled
    if marked.count:
        yield (
            f"In {_count(marked.count, audit)} Axolotl would leave its own words in an answer, for "
            "it is empty, or so short that the chat template's own words contain it: "
            f"{_where(audit, marked.first, marked.count)}. Leave these rows out, or write the "
            "answers longer."
        )


def _template(audit: Audit, found: Supervision) -> Iterator[str]:
    ends = audit.tokenizer.get("turn_end_tokens") or []
    if len(ends) > 1:
        yield (
            f"The chat template ends a turn with `{audit.tokenizer.get('turn_end')}`, which is "
            f"{len(ends)} tokens to this tokenizer and no mark of its own: the model learns to "
            "write it, but programs may not stop there."
        )
    if found.tokens_trained and found.share_trained < LOW_SHARE:
        yield (
            f"Only {_share(found.tokens_trained, found.tokens_kept)} of the tokens are learned; "
            "the rest is what the model is told. Is that meant?"
        )


def _too_long(audit: Audit, plan: Plan) -> list[LongRow]:
    return [row for row in audit.longest if row.length > plan.sequence_len]


def _count(count: int, audit: Audit) -> str:
    of = f" of the {audit.audited_rows:,} looked at" if audit.is_sample else ""
    return f"{count:,} row{of}" if count == 1 else f"{count:,} rows{of}"


def _of_rows(count: int, rows: int) -> str:
    return f"{count:,} of {rows:,} rows ({_share(count, rows)})"


def _begin(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _share(part: int, whole: int) -> str:
    percent = 100 * part / whole if whole else 0.0
    return f"{percent:.0f} %" if percent >= 1 or not part else f"{percent:.1g} %"


def _at(audit: Audit, row: FailedRow | LongRow | RowPlace) -> str:
    return f"{audit.unit} {row.line}" + (f" of {row.file}" if audit.files > 1 else "")


def _where(
    audit: Audit, rows: Sequence[FailedRow | LongRow | RowPlace], count: int | None = None
) -> str:
    """The first rows by line, such as `lines 3, 8, 21 and 40 more`."""
    count = len(rows) if count is None else max(count, len(rows))
    named = rows[:NAMED]
    if audit.files > 1:
        texts = [_at(audit, row) for row in named]
    else:
        texts = [str(row.line) for row in named]
    rest = count - len(named)
    if rest > 0:
        texts.append(f"{rest:,} more")
    listed = texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
    if not named or audit.files > 1:
        return listed
    return f"{audit.unit}{'s' if len(named) > 1 else ''} {listed}"
