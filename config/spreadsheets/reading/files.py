"""Reads an uploaded CSV, XLSX or ODS file row by row.

Time and memory are bounded for any content: the lines of a CSV row have a maximum length, and XLSX and ODS are parsed
by a separate process (`workbook_reader`). Each function raises ValidationError with a message for the person who chose
the file.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from config.spreadsheets.cells import text_of
from config.spreadsheets.reading.workbook_reader import MAX_COLUMNS, MAX_ROW_NUMBER, Refusal

#: Maximum size of an upload, and of the text in it.
MAX_BYTES = settings.MAX_UPLOAD_BYTES
MAX_ROWS = 20_000
#: Maximum of one row: Excel's maximum of one cell.
MAX_ROW_CHARACTERS = 32_767
#: Wall-clock timeout of the process that parses XLSX and ODS. Its processor time is limited in `workbook_reader`.
MAX_READING_SECONDS = 60
_DELIMITERS = (",", ";", "\t", "|")
_BATCH_BYTES = 65_536
#: One such parser per server process, which bounds the memory of all of them.
_parser_lock = threading.Lock()


class Row(NamedTuple):
    """Its number as a spreadsheet program displays it, and its cells as text."""

    number: int
    cells: list[str]


@dataclass
class Sheet:
    """The first sheet of a file: the headings as written, and the rows that are not blank."""

    headings: list[str]
    rows: Iterator[Row]
    #: Estimated number of rows.
    size: int
    #: Assumptions that the person should check.
    notes: list[str]


def read(content: bytes, known: Iterable[str]) -> Sheet:
    """The sheet in a file. The `known` headings help to detect the delimiter of CSV."""
    if len(content) > MAX_BYTES:
        raise ValidationError(too_large())
    if content.startswith(b"PK"):
        return _read_workbook(content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise ValidationError(
            _("This is an old Excel file (.xls), or one with a password. Save it as .xlsx, without a password.")
        )
    return _read_csv(content, set(known))


def normalized_heading(text: str) -> str:
    """A heading as it is compared: `First name ` is `first_name`."""
    return "_".join(text.replace("-", " ").replace("_", " ").casefold().split())


def _sheet(parsed: Iterator[tuple[int, Sequence[Any]]], size: int, notes: list[str]) -> Sheet:
    rows = _rows(parsed)
    _number, headings = next(rows, (0, []))
    if not headings:
        raise ValidationError(_("The file is empty. Start from the template."))
    return Sheet(headings, rows, max(size - 1, 0), notes)


def _rows(parsed: Iterator[tuple[int, Sequence[Any]]]) -> Iterator[Row]:
    """The rows that are neither blank nor a comment (`#`, as in the CSV template); the first has the headings."""
    count = characters = 0
    for number, values in parsed:
        cells = _cells(number, values)
        if not cells or cells[0].startswith("#"):
            continue
        count += 1
        characters += sum(map(len, cells))
        if count > MAX_ROWS + 1:
            raise ValidationError(_too_many_rows())
        if characters > MAX_BYTES:
            raise ValidationError(too_large())
        yield Row(number, cells)


def _cells(number: int, values: Sequence[Any]) -> list[str]:
    """Without the blank cells at the end."""
    if number > MAX_ROW_NUMBER:
        raise ValidationError(_too_many_rows())
    if sum(len(value) for value in values if isinstance(value, str)) > MAX_ROW_CHARACTERS:
        raise ValidationError(_too_long(number))
    cells = [text_of(value) for value in values]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def too_large() -> str:
    size = {"size": MAX_BYTES // 1024**2}
    return _("The file is too large: at most %(size)s MB. Split it into several files.") % size


def _too_many_rows() -> str:
    rows = {"rows": number_format(MAX_ROWS, force_grouping=True)}
    return _("The file has more than %(rows)s rows. Split it into several files.") % rows


def _too_wide() -> str:
    return _("The file has more than %(columns)s columns. Start from the template.") % {"columns": MAX_COLUMNS}


def _too_long(row: int) -> str:
    return _(
        "Row %(row)s has more than %(characters)s characters. If it should not, look for a missing quotation mark."
    ) % {"row": row, "characters": number_format(MAX_ROW_CHARACTERS, force_grouping=True)}


# --- CSV --------------------------------------------------------------------------------------------------------
def _read_csv(content: bytes, known: set[str]) -> Sheet:
    encoding, notes = _encoding(content)
    bounded = _BoundedLines(io.TextIOWrapper(io.BytesIO(content), encoding, newline=""))
    lines = iter(bounded)
    first = next(lines, "")
    if declared := re.fullmatch("sep=(.)", first.strip(), re.IGNORECASE):  # written by Excel
        delimiter, lines_before = declared[1], 1
    else:
        delimiter, lines_before, lines = _delimiter(first, known), 0, chain([first], lines)
    rows = _csv_rows(csv.reader(lines, delimiter=delimiter), bounded, lines_before)
    return _sheet(rows, content.count(b"\n") + (not content.endswith(b"\n")), notes)


class _BoundedLines:
    """The lines of a file. Refuses a row whose lines are too long together before reading the rest of it."""

    def __init__(self, file: io.TextIOWrapper) -> None:
        self._file = file
        self.begin_row(1)

    def begin_row(self, number: int) -> None:
        self._row, self._remaining = number, MAX_ROW_CHARACTERS

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(self._remaining + 1):
            self._remaining -= len(line)
            if "\0" in line:
                raise ValidationError(
                    _("This is neither a CSV file nor a spreadsheet (.xlsx or .ods). Start from the template.")
                )
            if self._remaining < 0:
                raise ValidationError(_too_long(self._row))
            yield line


def _csv_rows(reader: Any, lines: _BoundedLines, lines_before: int) -> Iterator[tuple[int, Sequence[Any]]]:
    try:
        for number, cells in enumerate(reader, start=lines_before + 1):
            if len(cells) > MAX_COLUMNS:
                raise ValidationError(_too_wide())
            yield number, cells
            lines.begin_row(number + 1)
    except csv.Error:
        raise ValidationError(
            _("The file cannot be read as CSV after line %(line)s: a quotation mark or a cell is broken.")
            % {"line": reader.line_num + lines_before}
        ) from None


def _encoding(content: bytes) -> tuple[str, list[str]]:
    """UTF-16 if marked, else UTF-8 if valid, else the encoding of Excel for Windows, with a note."""
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if is_utf16 else ("utf-8-sig", "cp1252"):
        if _is_valid(content, encoding):
            words = _(
                "The file is not in UTF-8; it was read as Windows-1252. Look whether letters like ä and é are right."
            )
            return encoding, [words] if encoding == "cp1252" else []
    raise ValidationError(
        _("The letters in this file cannot be read. Save it as “CSV UTF-8”, or as an Excel file (.xlsx).")
    )


def _is_valid(content: bytes, encoding: str) -> bool:
    """Decodes in pieces: one text with a character beyond the BMP takes four bytes for every character."""
    pieces = (content[start : start + _BATCH_BYTES] for start in range(0, len(content), _BATCH_BYTES))
    try:
        return all(True for _text in codecs.iterdecode(pieces, encoding))
    except UnicodeDecodeError:
        return False


def _delimiter(first_line: str, known: set[str]) -> str:
    """The one that splits the first line into the most known headings."""

    def score(delimiter: str) -> tuple[int, int]:
        names = [normalized_heading(cell) for cell in first_line.replace('"', "").split(delimiter)]
        return len(known & set(names)), len(names)

    return max(_DELIMITERS, key=score)


# --- XLSX and ODS -----------------------------------------------------------------------------------------------
def _read_workbook(content: bytes) -> Sheet:
    rows, _newline, last = _run_workbook_reader(content).rstrip().rpartition(b"\n")
    refusal = json.loads(last) if last.startswith(b'"') else Refusal.TOO_LARGE
    if refusal:
        raise ValidationError(_message_of(refusal))
    return _sheet((json.loads(line) for line in io.BytesIO(rows)), rows.count(b"\n") + 1, [])


def _run_workbook_reader(content: bytes) -> bytes:
    """The output of `workbook_reader`; incomplete if a limit of the process was exceeded."""
    command = [sys.executable, "-m", "config.spreadsheets.reading.workbook_reader"]
    with _parser_lock:
        try:
            return subprocess.run(  # noqa: S603 (the command is constant)
                command,
                input=content,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=settings.BASE_DIR,
                timeout=MAX_READING_SECONDS,
                check=False,
            ).stdout
        except subprocess.TimeoutExpired:
            return b""


def _message_of(refusal: str) -> str:
    words = {
        Refusal.NO_WORKBOOK: _("This is not a spreadsheet (.xlsx or .ods). Save it as .xlsx, .ods or CSV."),
        Refusal.PASSWORD: _("The file has a password. Save it without one."),
        Refusal.MACROS: _("The file holds macros. Save it as .xlsx, which has none."),
        Refusal.TOO_LARGE: _("The file is far larger inside than outside. Copy the cells into the template."),
        Refusal.TOO_MANY_COLUMNS: _too_wide(),
        Refusal.TOO_MANY_ROWS: _too_many_rows(),
    }
    return words.get(Refusal(refusal), _("The file is damaged. Open it, save it again, and try once more."))
