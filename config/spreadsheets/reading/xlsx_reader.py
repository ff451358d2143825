"""Reads the sheets of an XLSX file, in the process of `workbook_reader`.

It reads events of the XML parser, so memory holds one row and the shared strings. What a sheet says of its own size is
not used.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Any

from config.spreadsheets.reading.tables import (
    MAX_COLUMNS,
    MAX_ROW_NUMBER,
    UNCOMPUTED,
    MergedCells,
    Refusal,
    Table,
    WorkbookRefusedError,
    checked_row,
)
from config.spreadsheets.reading.xlsx_package import Package, unescaped

#: Excel's most columns.
_MAX_CELLS = 16_384
_MAX_MERGED = 100_000
#: More than a row may have: it is refused, and the rest does not matter.
_MAX_CHARACTERS = 40_000
_CHUNK_BYTES = 65_536
_MERGED_CELL = tuple("mergeCell".encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
_CELL = r"([A-Z]{1,3})(\d{1,14})"
_REFERENCE, _RANGE = (re.compile(pattern, re.IGNORECASE) for pattern in (_CELL, f"{_CELL}:{_CELL}"))
_INTEGER = re.compile(r"-?\d{1,18}")

#: First row → column and last row of each merged cell.
_Spans = dict[int, list[tuple[int, int]]]


def tables(archive: zipfile.ZipFile) -> Iterator[Table]:
    package = Package(archive)
    for name, is_hidden, part in package.sheets:
        merged = MergedCells()
        yield Table(name, is_hidden, _rows(package, part, merged), merged)


def _rows(package: Package, part: str, merged: MergedCells) -> Iterator[tuple[int, list[Any]]]:
    spans = _spans(package, part)
    sheet = _Sheet(package)
    for _piece in package.parse(part, "worksheet", sheet.start, sheet.end, sheet.add_text):
        for number, cells in sheet.pop_rows():
            yield number, merged.fill(number, cells, spans.get(number, []))


def _spans(package: Package, part: str) -> _Spans:
    """The merged cells, which follow the rows in the file. Few files have any, so it looks for the word first."""
    merged: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "mergeCell":
            merged.append(attributes.get("ref", ""))
            if len(merged) > _MAX_MERGED:
                raise WorkbookRefusedError(Refusal.TOO_LARGE)

    if _has_merged_cells(package, part):
        deque(package.parse(part, "worksheet", start), maxlen=0)
    return _by_row(filter(None, map(_RANGE.fullmatch, merged)))


def _by_row(ranges: Iterable[re.Match[str]]) -> _Spans:
    spans: _Spans = defaultdict(list)
    for found in ranges:
        column, first, last = _column(found[1]), int(found[2]), int(found[4])
        if column < MAX_COLUMNS and first < last:
            spans[first].append((column, last))
    return spans


def _has_merged_cells(package: Package, part: str) -> bool:
    with package.open(part) as opened:
        before = b""
        while chunk := opened.read(_CHUNK_BYTES):
            if any(word in before + chunk for word in _MERGED_CELL):
                return True
            before = chunk[-20:]
    return False


class _Sheet:
    """The handlers of the events of one sheet."""

    def __init__(self, package: Package) -> None:
        self._strings, self._is_date = package.strings, package.is_date
        self._epoch = datetime(1904, 1, 1) if package.is_1904 else datetime(1899, 12, 30)
        self._rows: list[tuple[int, list[Any]]] = []
        self._number = self._count = 0
        self._cell: dict[str, str] | None = None
        self._is_text = self._is_phonetic = self._has_formula = self._has_result = False
        self._text: list[str] = []
        self._characters = 0

    def pop_rows(self) -> list[tuple[int, list[Any]]]:
        popped, self._rows = self._rows, []
        return popped

    def start(self, name: str, attributes: dict[str, str]) -> None:
        match name:
            case "row":
                self._start_row(attributes)
            case "c":
                self._start_cell(attributes)
            case "v" | "t":
                self._is_text = self._cell is not None and not self._is_phonetic
                self._has_result |= name == "v"
            case "f":
                self._has_formula = True
            case "rPh":
                self._is_phonetic = True

    def end(self, name: str) -> None:
        match name:
            case "row":
                self._end_row()
            case "c" if self._cell is not None:
                self._end_cell(self._cell)
            case "v" | "t":
                self._is_text = False
            case "rPh":
                self._is_phonetic = False

    def add_text(self, text: str) -> None:
        if self._is_text and self._characters <= _MAX_CHARACTERS:
            self._characters += len(text)
            self._text.append(text)

    def _start_row(self, attributes: dict[str, str]) -> None:
        """Each row has a number above that of the row before, whatever the file says."""
        self._count += 1
        if self._count > MAX_ROW_NUMBER:
            raise WorkbookRefusedError(Refusal.TOO_LARGE)
        self._number = max(int(attributes.get("r", 0)), self._number + 1)
        self._cells: dict[int, Any] = {}
        self._column, self._cell_count = -1, 0

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self._cell_count += 1
        if self._cell_count > _MAX_CELLS:
            raise WorkbookRefusedError(Refusal.TOO_LARGE)
        reference = _REFERENCE.fullmatch(attributes.get("r", ""))
        self._column = _column(reference[1]) if reference else self._column + 1
        self._cell, self._characters = attributes, 0
        self._text.clear()
        self._has_formula = self._has_result = False

    def _end_cell(self, cell: dict[str, str]) -> None:
        value = self._value(cell.get("t", "n"), "".join(self._text), int(cell.get("s", 0)))
        self._cell = None
        if value in (None, ""):
            return
        if self._column in self._cells:
            raise ValueError("Two values in one cell.")
        self._cells[self._column] = value

    def _end_row(self) -> None:
        if self._cells:
            width = max(self._cells) + 1
            number = checked_row(self._number, width)
            self._rows.append((number, [self._cells.get(column) for column in range(width)]))

    def _value(self, kind: str, text: str, style: int) -> Any:
        """The result of a formula may be an empty text, which is there."""
        if self._has_formula and not (text or (self._has_result and kind == "str")):
            return UNCOMPUTED
        if kind in ("inlineStr", "str"):
            return unescaped(text)
        return self._typed(kind, text, style) if text else None

    def _typed(self, kind: str, text: str, style: int) -> Any:
        match kind:
            case "s":
                return self._strings[int(text)]
            case "b":
                return text in ("1", "true")
            case "e":
                return text
            case "d":
                return text.removesuffix("Z").removesuffix("T00:00:00")
        is_date = style < len(self._is_date) and self._is_date[style]
        return self._date(float(text)) if is_date else _number(text)

    def _date(self, days: float) -> Any:
        """In ISO 8601. Excel displays no date for the numbers that have none."""
        try:
            found = self._epoch + timedelta(seconds=round(days * 86_400))
        except (OverflowError, ValueError):
            return _number(repr(days))
        if 0 <= days < 1:
            return found.time().isoformat()
        return found.date().isoformat() if found.time() == time() else found.isoformat()


def _number(text: str) -> int | float:
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("This is no number.")
    return number


@lru_cache(maxsize=MAX_COLUMNS)
def _column(letters: str) -> int:
    """From 0."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1
