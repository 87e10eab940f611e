"""The audit itself, once Axolotl has taken the config."""

import logging
from collections.abc import Iterator
from typing import Any

from core.audit.plan import Plan
from core.audit.result import (
    MAX_SAMPLES,
    Audit,
    Failed,
    FailedRow,
    LongRow,
    Marked,
    RowPlace,
    Sample,
)
from trainer.audit.answers import Answers, name_of
from trainer.audit.packs import count_packs
from trainer.audit.passing import Pass, count_all
from trainer.audit.rows import Source, open_sources
from trainer.audit.tally import Few, Row, Tally, Tokens
from trainer.audit.tokens import describe_tokenizer, find_ends, read_tokens
from trainer.unheard import spare_unheard


def look_at(cfg: Any, plan: Plan, notes: list[str]) -> Audit:
    """Everything there is to tell of the config's rows; `notes` is what Axolotl warned of.

    Raises DatasetError for a dataset that cannot be read, else what Axolotl raises.
    """
    from axolotl.loaders import load_tokenizer

    tokenizer = load_tokenizer(cfg)
    notes.clear()  # so far it was about the config
    sources = open_sources(cfg, tokenizer)
    keep_quiet()
    ends = find_ends(tokenizer, cfg.eot_tokens)
    tally = count_all(Pass(sources, ends, plan.min_sample_len))
    return Audit(
        rl=name_of(cfg.rl),
        sequence_len=cfg.sequence_len,
        packing=count_packs(tally, plan) if plan.packing else None,
        samples=tuple(take_samples(sources, tokenizer)),
        notes=tuple(notes),
        tokenizer=describe_tokenizer(tokenizer),
        **count(sources, tally, cfg.sequence_len),
    )


def keep_quiet() -> None:
    """Spare what Axolotl would tell of each row; rows are told of one by one here."""
    logging.disable(logging.WARNING)
    spare_unheard()


def count(sources: list[Source], tally: Tally, sequence_len: int) -> dict[str, Any]:
    """The counts, with rows told by file and line."""
    trained = [source for source in sources if not source.is_validation]
    units = {source.lines.unit for source in sources}
    return {
        "rows": sum(map(len, trained)),
        "audited_rows": tally.rows,
        "validation_rows": sum(map(len, sources)) - sum(map(len, trained)),
        "files": len(sources),
        "unit": "line" if units == {"line"} else "row",
        "histogram": tally.histogram(),
        "nothing_to_learn": mark(sources, tally.nothing),
        "no_end": mark(sources, tally.no_end),
        "too_short": mark(sources, tally.too_short),
        "empty": mark(sources, tally.empty),
        "spoiled": mark(sources, tally.spoiled),
        "failed": Failed(
            tally.failed.count,
            tuple(
                FailedRow(*find_place(sources, row), tally.reasons[row])
                for row in tally.failed.first
            ),
        ),
        "longest": tuple(
            LongRow(*find_place(sources, row), length) for length, row in tally.longest_rows()
        ),
        "trained_until": tally.trained_until(sequence_len),
        "first_trained": tuple(sorted(tally.first_trained.items())),
    }


def mark(sources: list[Source], few: Few) -> Marked:
    """The rows by file and line."""
    return Marked(few.count, tuple(find_place(sources, row) for row in few.first))


def find_place(sources: list[Source], row: Row) -> RowPlace:
    """Where the row stands."""
    lines = sources[row.source].lines
    return RowPlace(lines.file, lines.line(row.at))


def take_samples(sources: list[Source], tokenizer: Any) -> Iterator[Sample]:
    """Some rows as they are trained on, spread evenly over all."""
    sources = [source for source in sources if not source.is_validation]
    total, before = sum(map(len, sources)), 0
    wanted = sorted({at * total // MAX_SAMPLES for at in range(MAX_SAMPLES)}) if total else []
    for source in sources:
        for at in wanted:
            if before <= at < before + len(source):
                yield from show_row(source, at - before, tokenizer)
        before += len(source)


def show_row(source: Source, index: int, tokenizer: Any) -> Iterator[Sample]:
    """The row's tokens: of plain text the first piece, of a preference each answer."""
    ((_, row),) = source.read([index])
    file, line = source.lines.file, source.lines.line(index)
    try:
        made = source.make(row)
    except Exception:
        return  # it is among those that failed
    if isinstance(made, Answers):
        for part, text in made.texts.items():
            ids, labels = join_answer(tokenizer, made.prompt, text)
            tokens = read_tokens(tokenizer, ids, labels)
            yield Sample(file, line, len(ids), tokens, part)
    elif made:
        tokens = read_tokens(tokenizer, made[0].ids, made[0].labels)
        part = f"piece 1 of {len(made)}" if len(made) > 1 else ""
        yield Sample(file, line, len(made[0].ids), tokens, part)


def join_answer(tokenizer: Any, prompt: str, answer: str) -> Tokens:
    """Prompt and answer as one text, with an end behind it, as the trainer joins them."""
    if tokenizer.eos_token and not answer.endswith(tokenizer.eos_token):
        answer += tokenizer.eos_token
    told = without_double_bos(tokenizer, tokenizer(prompt)["input_ids"])
    ids = without_double_bos(tokenizer, tokenizer(prompt + answer)["input_ids"])
    return Tokens(ids, [-100] * len(told) + ids[len(told) :])


def without_double_bos(tokenizer: Any, ids: list[int]) -> list[int]:
    """A template may begin with the token that the tokenizer puts in front by itself."""
    bos = tokenizer.bos_token_id
    return ids[1:] if bos is not None and ids[:2] == [bos, bos] else ids
