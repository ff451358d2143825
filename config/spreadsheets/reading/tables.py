"""The common part of the readers of XLSX and ODS. Without Django: they run in the process of `workbook_reader`."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

#: Most columns of a sheet, and Excel's highest row number.
MAX_COLUMNS = 100
MAX_ROW_NUMBER = 1_048_576
#: The text of a cell whose formula has no stored result. U+FFFF is in no XML.
UNCOMPUTED = "=\uffff"


class Refusal(StrEnum):
    """Why a workbook is refused; `NONE` if it is not."""

    NONE = ""
    DAMAGED = "damaged"
    NO_WORKBOOK = "no workbook"
    OTHER_DIALECT = "another dialect"
    BINARY = "binary"
    MACROS = "macros"
    PASSWORD = "a password"  # noqa: S105 (it is none)
    TOO_LARGE = "too large inside"
    TOO_MANY_COLUMNS = "too many columns"
    TOO_MANY_ROWS = "too many rows"


class WorkbookRefusedError(Exception):
    """Its argument is the `Refusal`."""


class Table(NamedTuple):
    """A sheet of a workbook. Its rows must be read before the next table is."""

    name: str
    is_hidden: bool
    #: Number and values of each row that is not blank, without the blank cells at its end.
    rows: Iterator[tuple[int, list[Any]]]
    merged: MergedCells


class MergedCells:
    """Gives the value of cells that are merged to each of their rows, in their first column."""

    def __init__(self) -> None:
        #: Column → last row and value.
        self._values: dict[int, tuple[int, Any]] = {}
        #: Whether any row got a value.
        self.is_used = False

    def fill(self, number: int, cells: list[Any], spans: list[tuple[int, int]]) -> list[Any]:
        """The cells of a row. `spans` has column and last row of each merged cell that begins there."""
        for column, (last, value) in [*self._values.items()]:
            if number > last:
                del self._values[column]
                continue
            cells += [None] * (column + 1 - len(cells))
            if cells[column] is None:
                cells[column], self.is_used = value, True
        for column, last in spans:
            if column < len(cells) and cells[column] is not None:
                self._values[column] = last, cells[column]
        return cells


def checked_row(number: int, width: int) -> int:
    """The number of a row that is not blank."""
    if number > MAX_ROW_NUMBER:
        raise WorkbookRefusedError(Refusal.TOO_MANY_ROWS)
    if width > MAX_COLUMNS:
        raise WorkbookRefusedError(Refusal.TOO_MANY_COLUMNS)
    return number
