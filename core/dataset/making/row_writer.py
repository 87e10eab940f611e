"""Converting rows one after the other, and counting what passes by."""

from collections.abc import Iterable
from typing import BinaryIO

from core.dataset.convert import Converter
from core.dataset.format import BadRow, Format, Row, RowError, show
from core.dataset.json_line import to_line
from core.dataset.making.choices import STOP, Choices
from core.dataset.making.column_tally import ColumnTally
from core.dataset.making.row_tally import RowTally
from core.dataset.read.paragraphs import cut_text
from core.dataset.read.record import Record
from core.errors import DatasetError


class BadRowsError(DatasetError):
    """A row is bad and the import was to stop there, or no row is good; `bad` has the first."""

    def __init__(self, message: str, tally: RowTally) -> None:
        super().__init__(message)
        self.bad_rows, self.bad = tally.bad_rows, tuple(tally.bad)


class RowWriter:
    """Writes every good row as Axolotl is given it."""

    def __init__(self, form: Format, choices: Choices) -> None:
        self.rows = RowTally(choices.seed)
        self.columns = ColumnTally()
        self._converter = Converter(form, choices.system_prompt.strip())
        self._must_stop = choices.on_bad_row == STOP

    @property
    def turn_keys(self) -> set[str]:
        """The keys of turns that were not taken over."""
        return self._converter.left_out

    def write(self, records: Iterable[Record | BadRow], file: BinaryIO) -> None:
        """Write the records. Raises BadRowsError if a bad one is to be the end."""
        for record in records:
            if isinstance(record, BadRow):
                self._refuse(record)
                continue
            if record.value.__class__ is dict:
                self.columns.add(record.value)
            try:
                row = self._converter.convert(record.value)
            except RowError as error:
                self._refuse(BadRow(record.line, show(str(error)), show(record.value)))
                continue
            for piece in _pieces(row):
                line = to_line(piece)
                self.rows.add(piece, line, record.line)
                file.write(line)

    def merge(self, later: "RowWriter", lines: int) -> None:
        """Take over what was counted in a later part of the file, behind so many lines."""
        self.rows.merge(later.rows, lines)
        self.columns.merge(later.columns)
        self.turn_keys.update(later.turn_keys)

    def _refuse(self, row: BadRow) -> None:
        self.rows.refuse(row)
        if self._must_stop:
            raise BadRowsError(
                f"line {row.line}: {row.reason}. The import stopped there, as was chosen; mend "
                "the row, or let bad rows be left out.",
                self.rows,
            )


def _pieces(row: Row) -> Iterable[Row]:
    """The row, or the pieces that a long text is cut into."""
    text = row.get("text")
    return [row] if text is None else [{"text": piece} for piece in cut_text(text)]
