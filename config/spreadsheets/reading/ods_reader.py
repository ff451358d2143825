"""Reads the tables of an OpenDocument spreadsheet (ODF 1.3), in the process of `workbook_reader`.

It reads events of the XML parser, so memory holds one row. Cells and rows are often repeated by an attribute, up to the
last column and row of the sheet: blank ones are counted, not made.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple
from xml.sax.handler import ContentHandler, feature_namespaces

from defusedxml.sax import make_parser

from config.spreadsheets.reading.tables import (
    MAX_COLUMNS,
    UNCOMPUTED,
    MergedCells,
    Refusal,
    Table,
    WorkbookRefusedError,
    checked_row,
)

_PREFIX = "urn:oasis:names:tc:opendocument:xmlns"
_TABLE, _TEXT, _OFFICE, _STYLE = (f"{_PREFIX}:{name}:1.0" for name in ("table", "text", "office", "style"))
_CELLS = ("table-cell", "covered-table-cell")
_CHUNK_BYTES = 65_536
#: White space counts as one space (ODF 1.3, part 3, section 6.1.2); `text:s` stands for further ones.
_SPACE = re.compile(r"[ \t\r\n]+")
#: What elements stand for, until white space is one space. XML has none of these characters.
_BLANK, _TAB, _LINE_BREAK = "\x01", "\x02", "\x03"
_LITERALLY = str.maketrans({_BLANK: " ", _TAB: "\t", _LINE_BREAK: "\n"})
#: More than a row may have, and more rows than a file may have: it is refused, and the rest does not matter.
_MAX_CHARACTERS, _MAX_REPEATED_ROWS = 40_000, 30_000


class _Row(NamedTuple):
    first: int
    repeated: int
    cells: list[Any]
    #: Column and number of rows of each merged cell.
    spans: list[tuple[int, int]]
    #: Why it cannot be read, which matters only if its table is.
    error: Exception | None


class _Piece(NamedTuple):
    """A row of a table, or none at its beginning."""

    table: int
    name: str
    is_hidden: bool
    row: _Row | None


def tables(content: zipfile.ZipExtFile | Any) -> Iterator[Table]:
    for _number, pieces in groupby(_pieces(content), key=lambda piece: piece.table):
        of_table, merged = iter(pieces), MergedCells()
        begin = next(of_table)
        yield Table(begin.name, begin.is_hidden, _rows(of_table, merged), merged)


def _rows(pieces: Iterator[_Piece], merged: MergedCells) -> Iterator[tuple[int, list[Any]]]:
    for row in (piece.row for piece in pieces if piece.row):
        if row.error:
            raise row.error
        for number in range(row.first, row.first + row.repeated):
            spans = [(column, number + rows - 1) for column, rows in row.spans]
            yield checked_row(number, len(row.cells)), merged.fill(number, [*row.cells], spans)


def _pieces(content: zipfile.ZipExtFile | Any) -> Iterator[_Piece]:
    handler = _Tables()
    parser = make_parser()
    parser.forbid_dtd = True
    parser.setFeature(feature_namespaces, True)
    parser.setContentHandler(handler)
    while chunk := content.read(_CHUNK_BYTES):
        parser.feed(chunk)
        yield from handler.pop_pieces()
    parser.close()
    yield from handler.pop_pieces()


class _Tables(ContentHandler):
    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[_Piece] = []
        self._table = 0
        self._style = ""
        #: Names of the styles of hidden tables.
        self._hidden: set[str] = set()
        #: Open elements: tables (one within a cell is not read), and others that are no text of a cell.
        self._tables = self._others = 0
        self._cell: dict[tuple[str, str], str] | None = None

    def pop_pieces(self) -> list[_Piece]:
        popped, self._pieces = self._pieces, []
        return popped

    # --- Events ---
    def startElementNS(self, name: Any, qname: Any, attributes: Any) -> None:  # noqa: N802 (of xml.sax)
        namespace, local = name
        if self._others or (self._cell is not None and namespace != _TEXT):
            self._others += 1
        elif self._cell is not None:
            self._start_text(local, attributes)
        elif namespace == _TABLE:
            self._start_of_table(local, attributes)
        elif namespace == _STYLE:
            self._start_of_style(local, attributes)

    def endElementNS(self, name: Any, qname: Any) -> None:  # noqa: N802 (of xml.sax)
        namespace, local = name
        if self._others:
            self._others -= 1
        elif namespace == _TABLE and self._tables:
            self._end_of_table(local)

    def characters(self, content: str) -> None:
        if self._cell is not None and not self._others:
            self._append(content)

    # --- Rows and cells ---
    def _start_of_table(self, local: str, attributes: Any) -> None:
        if local == "table":
            self._tables += 1
            if self._tables == 1:
                self._begin_table(attributes)
        elif self._tables and local == "table-row":
            self._repeated_rows = _repeated(attributes, "number-rows-repeated")
            self._cells: list[Any] = []
            self._spans: list[tuple[int, int]] = []
            self._blank = 0
            self._error: Exception | None = None
        elif self._tables and local in _CELLS:
            self._repeated_cells = _repeated(attributes, "number-columns-repeated")
            self._cell = dict(attributes.items())
            self._text: list[str] = []
            self._characters = 0
            self._has_text = False

    def _start_of_style(self, local: str, attributes: Any) -> None:
        if local == "style":
            self._style = attributes.get((_STYLE, "name"), "")
        elif local == "table-properties" and attributes.get((_TABLE, "display")) == "false":
            self._hidden.add(self._style)

    def _begin_table(self, attributes: Any) -> None:
        self._table += 1
        self._number = 1
        self._name = attributes.get((_TABLE, "name"), "")
        self._is_hidden = attributes.get((_TABLE, "style-name")) in self._hidden
        self._pieces.append(_Piece(self._table, self._name, self._is_hidden, None))

    def _end_of_table(self, local: str) -> None:
        if local == "table":
            self._tables -= 1
        elif local == "table-row":
            if self._cells or self._error:
                repeated = min(self._repeated_rows, _MAX_REPEATED_ROWS)
                row = _Row(self._number, repeated, self._cells, self._spans, self._error)
                self._pieces.append(_Piece(self._table, self._name, self._is_hidden, row))
            self._number += self._repeated_rows
        elif local in _CELLS and self._cell is not None:
            try:
                self._add(None if local == "covered-table-cell" else self._value(self._cell))
            except (ValueError, KeyError, WorkbookRefusedError) as error:
                self._error = self._error or error
            self._cell = None

    def _value(self, cell: dict[tuple[str, str], str]) -> Any:
        """A formula whose result is an empty text has an empty paragraph."""
        values = {key[1]: text for key, text in cell.items() if key[0] == _OFFICE}
        if (_TABLE, "formula") in cell and not (self._has_text or values):
            return UNCOMPUTED
        is_error = any(key[1] == "value-type" and text == "error" for key, text in cell.items())
        return self._shown() if is_error else _value(values, self._shown())

    def _add(self, value: Any) -> None:
        if value in (None, ""):
            self._blank += self._repeated_cells
            return
        if len(self._cells) + self._blank + self._repeated_cells > MAX_COLUMNS:
            raise WorkbookRefusedError(Refusal.TOO_MANY_COLUMNS)
        self._cells += [None] * self._blank
        self._blank = 0
        if self._cell and (rows := int(self._cell.get((_TABLE, "number-rows-spanned"), "1"))) > 1:
            self._spans.append((len(self._cells), rows))
        self._cells += [value] * self._repeated_cells

    def _start_text(self, local: str, attributes: Any) -> None:
        match local:
            case "p":
                self._append(_LINE_BREAK if self._has_text else "")
                self._has_text = True
            case "s":
                self._append(_BLANK * min(int(attributes.get((_TEXT, "c"), "1")), _MAX_CHARACTERS))
            case "tab":
                self._append(_TAB)
            case "line-break":
                self._append(_LINE_BREAK)

    def _append(self, text: str) -> None:
        """Beyond the maximum, the rest does not matter: a row with so much text is refused."""
        if self._characters <= _MAX_CHARACTERS:
            self._text.append(text)
            self._characters += len(text)

    def _shown(self) -> str:
        return _SPACE.sub(" ", "".join(self._text)).translate(_LITERALLY)


def _repeated(attributes: Any, name: str) -> int:
    return max(1, int(attributes.get((_TABLE, name), "1")))


def _value(cell: dict[str, str], text: str) -> Any:
    """The value by its type; else the text that the cell displays."""
    match cell.get("value-type"):
        case "float" | "percentage" | "currency":
            number = float(cell["value"])
            if not math.isfinite(number):
                raise ValueError("This is no number.")
            return number
        case "date":
            return cell["date-value"]
        case "boolean":
            return cell["boolean-value"] == "true"
        case "string":
            return cell.get("string-value", text)
    return text
