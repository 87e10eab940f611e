"""Finding out with which delimiter and quotes a CSV was saved."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

SEPARATOR = re.compile(r"sep=([,;|:^~\t])\s*$", re.IGNORECASE)
"""The line that Excel puts first to name the delimiter."""
SAMPLED_ROWS = 100


@dataclass(frozen=True)
class Dialect:
    """How the cells of a row are told apart."""

    delimiter: str = ","
    has_quotes: bool = True
    escape: str | None = None
    skips_space: bool = False

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """The cells of every row, with an error at each that is against the rules."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quoting=csv.QUOTE_MINIMAL if self.has_quotes else csv.QUOTE_NONE,
            escapechar=self.escape,
            skipinitialspace=self.skips_space,
            strict=True,
        )

    def count_quotes(self, text: str) -> int:
        """How many quotes open or close a cell, or are doubled."""
        if not self.has_quotes:
            return 0
        return text.count('"') - (text.count(f'{self.escape}"') if self.escape else 0)


STYLES = (
    Dialect(),
    Dialect(skips_space=True),
    Dialect(escape="\\"),
    Dialect(has_quotes=False),
)
"""Ways to quote, the usual one first: another has to read more rows to be chosen."""


def find_dialect(sample: str, kind: str = "csv") -> Dialect:
    """The dialect in which most rows have as many cells as the header; a comma at a loss."""
    first, _, rest = sample.partition("\n")
    delimiters = "\t,;|" if kind == "tsv" else ",;\t|"
    if named := SEPARATOR.match(first):
        sample, delimiters = rest, named[1]
    elif kind == "tsv" and "\t" in first:
        delimiters = "\t"
    styles = STYLES if '"' in sample else STYLES[:1]
    best, best_score = replace(STYLES[0], delimiter=delimiters[0]), (0.0, 0, 1)
    for rank, style in enumerate(styles):
        for delimiter in delimiters:
            dialect = replace(style, delimiter=delimiter)
            fitting, width = _score(sample, dialect)
            if (fitting, -rank, width) > best_score and width > 1:
                best, best_score = dialect, (fitting, -rank, width)
    return best


def _score(sample: str, dialect: Dialect) -> tuple[float, int]:
    """The part of the rows that fit the header, and how many columns that has."""
    if dialect.escape and '\\"' not in sample:
        return 0.0, 1
    rows = list(_sampled_rows(sample, dialect))
    width = len(rows[0]) if rows else 0
    if width < 2 or (not dialect.has_quotes and any(map(_is_quoted, chain(*rows)))):
        return 0.0, 1
    return sum(len(cells) == width for cells in rows) / len(rows), width


def _sampled_rows(sample: str, dialect: Dialect) -> Iterator[list[str]]:
    reader = dialect.reader(io.StringIO(sample, newline=""))
    for _ in range(SAMPLED_ROWS):
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end" in str(error):
                # A sample that ends inside a quote is no fault of the dialect.
                return
            cells = []
            yield cells
            continue
        if cells:
            yield cells


def _is_quoted(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] == '"'
