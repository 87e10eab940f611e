"""From an upload to a dataset, in one pass over its rows and in constant memory."""

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

from core.clock import from_text, now_text
from core.dataset.card import Dataset, save_card
from core.dataset.format import show
from core.dataset.json_line import to_line
from core.dataset.library import check_same_content, name_for, publish
from core.dataset.making.choices import Choices
from core.dataset.making.row_tally import RowTally
from core.dataset.making.split import check_validation, split_rows
from core.dataset.making.watch import COPYING, SPLITTING, Watch, unwatched
from core.dataset.making.write_rows import Source, Written, write_rows
from core.dataset.report import MAX_BAD_IN_CARD, Report
from core.errors import DatasetError
from core.paths import DatasetPaths, Workspace

CHUNK_BYTES = 4 * 1024 * 1024


def import_dataset(
    workspace: Workspace,
    source: Source,
    choices: Choices,
    aside: Path,
    watch: Watch = unwatched,
    validation: Source | None = None,
) -> Dataset:
    """Make a dataset of the source, whole or not at all; `aside` is a new folder to build it in.

    Raises DatasetError saying what is wrong, where, and what to do; SameContentError when the file
    is there already.
    """
    check_validation(choices.validation)
    target = workspace.dataset(name_for(workspace, choices))
    aside.mkdir(parents=True)
    try:
        dataset = _build(workspace, source, choices, DatasetPaths(aside), watch, validation)
        dataset = replace(dataset, paths=target)
        save_card(dataset, DatasetPaths(aside).card)
        publish(aside, target.folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(f"{show(source.file_name)} cannot be stored: {reason}.") from error
    finally:
        # Nothing is there any more if all went well.
        shutil.rmtree(aside, ignore_errors=True)
    return dataset


def _build(
    workspace: Workspace,
    source: Source,
    choices: Choices,
    paths: DatasetPaths,
    watch: Watch,
    validation: Source | None,
) -> Dataset:
    """Everything in the folder but its card, and what is to stand there."""
    source = _bring(source, paths, watch)
    if not choices.allow_same_content:
        check_same_content(workspace, source.sha256)
    written = write_rows(source, paths.rows, choices, watch)
    held, leaked = _set_aside(written, paths, choices, validation, watch)
    _write_bad_rows(written.rows, paths)
    dataset = _describe(written, source, choices, paths)
    return replace(
        dataset,
        rows=written.rows.rows - (0 if validation else held),
        validation_rows=held,
        report=replace(dataset.report, leaked_rows=leaked),
    )


def _bring(source: Source, paths: DatasetPaths, watch: Watch) -> Source:
    """The original inside the dataset's folder, and its SHA-256."""
    target = paths.original(original_suffix(source.file_name))
    if source.is_ours and source.sha256:
        os.link(source.path, target)
        return replace(source, path=target)
    digest, done, total = hashlib.sha256(), 0, source.path.stat().st_size
    with source.path.open("rb") as original, target.open("wb") as copy:
        while chunk := original.read(CHUNK_BYTES):
            digest.update(chunk)
            copy.write(chunk)
            done += len(chunk)
            watch(COPYING, done, total, 0, 0)
    return replace(source, path=target, sha256=digest.hexdigest())


def original_suffix(file_name: str) -> str:
    """The extension that an original keeps: `csv`, or `jsonl.gz`."""
    name = Path(file_name.lower())
    inner = Path(name.stem).suffix if name.suffix in (".gz", ".zst") else ""
    return f"{inner}{name.suffix}".removeprefix(".")


def _set_aside(
    written: Written,
    paths: DatasetPaths,
    choices: Choices,
    validation: Source | None,
    watch: Watch,
) -> tuple[int, int]:
    """Make `train.jsonl` and `validation.jsonl`; the rows in the latter, and those that leaked."""
    if validation:
        paths.rows.rename(paths.train)
        return _write_validation(written, validation, paths, choices, watch)
    if not choices.validation:
        paths.rows.rename(paths.train)
        return 0, 0
    watch(SPLITTING, 0, 0, written.rows.rows, written.rows.bad_rows)
    count = split_rows(paths.rows, written.rows.keys, choices.validation, paths)
    paths.rows.unlink()
    return count, 0


def _write_validation(
    written: Written, validation: Source, paths: DatasetPaths, choices: Choices, watch: Watch
) -> tuple[int, int]:
    """Write the second file's rows, but for those that say what a row to train on says."""
    held = write_rows(validation, paths.rows, replace(choices, form=written.form), watch)
    leaked = held.rows.also_in(written.rows)
    with paths.rows.open("rb") as rows, paths.validation.open("wb") as target:
        target.writelines(
            line for line, is_leaked in zip(rows, leaked, strict=True) if not is_leaked
        )
    paths.rows.unlink()
    if all(leaked):
        raise DatasetError(
            f"every row of {show(validation.file_name)} stands among the rows to train on too. "
            "Choose another file for validation"
        )
    written.rows.take_bad_rows(held.rows, show(validation.file_name))
    return len(leaked) - sum(leaked), sum(leaked)


def _write_bad_rows(tally: RowTally, paths: DatasetPaths) -> None:
    if tally.bad:
        lines = (
            to_line({"line": row.line, "reason": row.reason, "content": row.content})
            for row in tally.bad
        )
        paths.bad_rows.write_bytes(b"".join(lines))


def _describe(written: Written, source: Source, choices: Choices, paths: DatasetPaths) -> Dataset:
    used = written.form.columns
    left_out = [name for name in written.writer.columns.names if name not in used]
    return Dataset(
        paths=paths,
        format=written.form.name,
        rows=written.rows.rows,
        created_at=from_text(now_text()),
        bytes=source.path.stat().st_size,
        columns=tuple(map(show, written.writer.columns.names)),
        mapping=dict(written.form.mapping),
        sha256=source.sha256,
        system_prompt=choices.system_prompt.strip(),
        file_name=show(Path(source.file_name).name),
        version_of=choices.version_of,
        validation=choices.validation,
        seed=choices.seed,
        report=_report(written, left_out),
    )


def _report(written: Written, left_out: list[str]) -> Report:
    rows = written.rows
    return Report(
        bad_rows=rows.bad_rows,
        bad=tuple(rows.bad[:MAX_BAD_IN_CARD]),
        encoding=written.encoding.removesuffix("-sig"),
        median_characters=rows.median(),
        longest_characters=rows.longest.characters if rows.longest else 0,
        longest_bytes=rows.longest_bytes,
        total_characters=rows.total,
        shortest=rows.shortest,
        longest=rows.longest,
        histogram=rows.histogram(),
        duplicates=rows.duplicates(),
        near_duplicates=rows.near_duplicates(),
        turns=rows.turns,
        columns=written.writer.columns.facts(),
        left_out=tuple(show(name) for name in (*left_out, *sorted(written.writer.turn_keys))),
    )
