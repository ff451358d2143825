"""Reads the first table of an OpenDocument spreadsheet (ODF 1.3), in the process of `workbook_reader`.

It reads events of the XML parser, so memory holds one row. Cells and rows are often repeated by an attribute, up to the
last column and row of the sheet: blank ones are counted, not made.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator
from typing import Any
from xml.sax.handler import ContentHandler, feature_namespaces

from defusedxml.sax import make_parser

_PREFIX = "urn:oasis:names:tc:opendocument:xmlns"
_TABLE, _TEXT, _OFFICE = (f"{_PREFIX}:{name}:1.0" for name in ("table", "text", "office"))
_CELLS = ("table-cell", "covered-table-cell")
_CHUNK_BYTES = 65_536
#: White space counts as one space (ODF 1.3, part 3, section 6.1.2); `text:s` stands for further ones.
_SPACE = re.compile(r"[ \t\r\n]+")
#: What elements stand for, until white space is one space. XML has none of these characters.
_BLANK, _TAB, _LINE_BREAK = "\x01", "\x02", "\x03"
_LITERALLY = str.maketrans({_BLANK: " ", _TAB: "\t", _LINE_BREAK: "\n"})
#: More than a row may have, and more rows than a file may have: it is refused, and the rest does not matter.
_MAX_CHARACTERS, _MAX_REPEATED_ROWS = 40_000, 30_000


class TooManyColumnsError(Exception):
    """A row has more than the given number of columns."""


def rows(content: zipfile.ZipExtFile | Any, max_columns: int) -> Iterator[tuple[int, list[Any]]]:
    """Number and values of each row that is not blank, without the blank cells at its end."""
    table = _FirstTable(max_columns)
    parser = make_parser()
    parser.forbid_dtd = True
    parser.setFeature(feature_namespaces, True)
    parser.setContentHandler(table)
    while not table.is_done and (chunk := content.read(_CHUNK_BYTES)):
        parser.feed(chunk)
        for first, repeated, cells in table.pop_rows():
            yield from ((number, cells) for number in range(first, first + repeated))
    if not table.is_done:
        raise ValueError("The table has no end.")


class _FirstTable(ContentHandler):
    def __init__(self, max_columns: int) -> None:
        super().__init__()
        self._max_columns = max_columns
        self.is_done = False
        self._rows: list[tuple[int, int, list[Any]]] = []
        self._number = 1
        #: Open elements: tables (one within a cell is not read), and others that are no text of a cell.
        self._tables = self._others = 0
        self._cell: dict[str, str] | None = None

    def pop_rows(self) -> list[tuple[int, int, list[Any]]]:
        """Number, repetitions and values of the rows that have ended."""
        popped, self._rows = self._rows, []
        return popped

    # --- Events ---
    def startElementNS(self, name: Any, qname: Any, attributes: Any) -> None:  # noqa: N802 (of xml.sax)
        namespace, local = name
        if self.is_done:
            return
        if self._others or (self._cell is not None and namespace != _TEXT):
            self._others += 1
        elif self._cell is not None:
            self._start_text(local, attributes)
        elif namespace == _TABLE:
            self._start_of_table(local, attributes)

    def endElementNS(self, name: Any, qname: Any) -> None:  # noqa: N802 (of xml.sax)
        namespace, local = name
        if self._others:
            self._others -= 1
        elif namespace == _TABLE and self._tables:  # none once the first table has ended
            self._end_of_table(local)

    def characters(self, content: str) -> None:
        if self._cell is not None and not self._others:
            self._append(content)

    # --- Rows and cells ---
    def _start_of_table(self, local: str, attributes: Any) -> None:
        if local == "table":
            self._tables += 1
        elif self._tables and local == "table-row":
            self._repeated_rows = _repeated(attributes, "number-rows-repeated")
            self._cells: list[Any] = []
            self._blank = 0
        elif self._tables and local in _CELLS:
            self._repeated_cells = _repeated(attributes, "number-columns-repeated")
            self._cell = {key[1]: text for key, text in attributes.items() if key[0] == _OFFICE}
            self._text: list[str] = []
            self._characters = 0

    def _end_of_table(self, local: str) -> None:
        if local == "table":
            self._tables -= 1
            self.is_done = not self._tables
        elif local == "table-row":
            if self._cells:
                self._rows.append((self._number, min(self._repeated_rows, _MAX_REPEATED_ROWS), self._cells))
            self._number += self._repeated_rows
        elif local in _CELLS and self._cell is not None:
            self._add(None if local == "covered-table-cell" else _value(self._cell, self._shown()))
            self._cell = None

    def _add(self, value: Any) -> None:
        if value in (None, ""):
            self._blank += self._repeated_cells
            return
        if len(self._cells) + self._blank + self._repeated_cells > self._max_columns:
            raise TooManyColumnsError
        self._cells += [None] * self._blank + [value] * self._repeated_cells
        self._blank = 0

    def _start_text(self, local: str, attributes: Any) -> None:
        match local:
            case "p" if self._text:
                self._append(_LINE_BREAK)
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
