"""Reads an uploaded CSV or XLSX file, row by row, whatever spreadsheet program wrote it; refuses what could harm.

Whatever a file holds, reading it takes a bounded time and amount of memory: CSV is read in lines of bounded length, and
XLSX by a process of its own (`spreadsheets.workbook_reader`).
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from spreadsheets.cells import text_of
from spreadsheets.workbook_reader import MAX_COLUMNS, MAX_ROW_NUMBER, Refusal

#: Largest upload in bytes, and most rows of a sheet.
MAX_BYTES = settings.MAX_UPLOAD_BYTES
MAX_ROWS = 20_000
#: Most characters of one row: as many as Excel takes in one cell.
MAX_ROW_CHARACTERS = 32_767
#: A reader that gets too little of a busy processor is given up after so many seconds; what it may use of the processor
#: is bounded in `workbook_reader`.
MAX_READING_SECONDS = 60
_DELIMITERS = (",", ";", "\t", "|")
_BATCH_BYTES = 65_536
#: One workbook at a time is read for each process that serves, so that together they need no more memory than one.
_reading = threading.Lock()


class Row(NamedTuple):
    """Its number as the spreadsheet program shows it, and its cells as text."""

    number: int
    cells: list[str]


@dataclass
class Sheet:
    """The first sheet of a file: headings as written, and the rows that are not blank."""

    headings: list[str]
    rows: Iterator[Row]
    #: About how many rows there are; zero if the file does not tell.
    size: int = 0
    #: What the reader had to guess, for the person to check.
    notes: list[str] = field(default_factory=list)


def read(content: bytes, known: Iterable[str]) -> Sheet:
    """The sheet in a file. `known` headings tell how CSV is separated.

    Raises ValidationError in words for the person who chose the file.
    """
    if len(content) > MAX_BYTES:
        raise ValidationError(_too_large())
    if content.startswith(b"PK"):
        return _read_xlsx(content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise ValidationError(
            _("This is an old Excel file (.xls), or one with a password. Save it as .xlsx, without a password.")
        )
    return _read_csv(content, set(known))


def _too_large() -> str:
    size = {"size": MAX_BYTES // 1024**2}
    return _("The file is too large: at most %(size)s MB. Split it into several files.") % size


def _sheet(rows: Iterator[tuple[int, Sequence[Any]]], size: int, notes: list[str]) -> Sheet:
    filled = _filled(rows)
    _number, headings = next(filled, (0, []))
    if not headings:
        raise ValidationError(_("The file is empty. Start from the template."))
    return Sheet(headings, _limited(filled), max(size - 1, 0), notes)


def _filled(rows: Iterator[tuple[int, Sequence[Any]]]) -> Iterator[Row]:
    """Rows with anything in them, without the empty cells at their end. `#` starts a remark, as in our template."""
    for number, values in rows:
        if number > MAX_ROW_NUMBER:
            raise ValidationError(_too_many_rows())
        if sum(len(value) for value in values if isinstance(value, str)) > MAX_ROW_CHARACTERS:
            raise ValidationError(_too_long(number))
        cells = [text_of(value) for value in values]
        while cells and not cells[-1]:
            cells.pop()
        if cells and not cells[0].startswith("#"):
            yield Row(number, cells)


def _limited(rows: Iterator[Row]) -> Iterator[Row]:
    characters = 0
    for count, row in enumerate(rows):
        characters += sum(len(cell) for cell in row.cells)
        if count == MAX_ROWS:
            raise ValidationError(_too_many_rows())
        if characters > MAX_BYTES:
            raise ValidationError(_too_large())
        yield row


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
    lines = _Lines(io.TextIOWrapper(io.BytesIO(content), encoding, newline=""))
    first = next(lines, "")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:
        delimiter, before, given = first.strip()[4], 1, iter(lines)
    else:
        delimiter, before, given = _delimiter(first, known), 0, chain([first], lines)
    rows = _csv_rows(csv.reader(given, delimiter=delimiter, strict=False), lines, before)
    return _sheet(rows, content.count(b"\n") + (not content.endswith(b"\n")), notes)


class _Lines:
    """The lines of a file. Raises ValidationError if those of one row are too long together, before they are read."""

    def __init__(self, file: io.TextIOWrapper) -> None:
        self._file = file
        self.row, self.left = 1, MAX_ROW_CHARACTERS

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(self.left + 1)
        self.left -= len(line)
        if not line:
            raise StopIteration
        if "\0" in line:
            raise ValidationError(_("This is neither a CSV nor an XLSX file. Start from the template."))
        if self.left < 0:
            raise ValidationError(_too_long(self.row))
        return line

    def begin_row(self, number: int) -> None:
        self.row, self.left = number, MAX_ROW_CHARACTERS


def _csv_rows(reader: Any, lines: _Lines, before: int) -> Iterator[tuple[int, Sequence[Any]]]:
    try:
        for number, cells in enumerate(reader, start=before + 1):
            if len(cells) > MAX_COLUMNS:
                raise ValidationError(_too_wide())
            yield number, cells
            lines.begin_row(number + 1)
    except csv.Error:
        raise ValidationError(
            _("The file cannot be read as CSV after line %(line)s: a quotation mark or a cell is broken.")
            % {"line": reader.line_num + before}
        ) from None


def _encoding(content: bytes) -> tuple[str, list[str]]:
    """UTF-8 or UTF-16 as marked, else UTF-8 if it is valid, else what Excel for Windows writes; and what to tell."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding, notes = "utf-16", []
    elif _is_valid(content, "utf-8"):
        return "utf-8-sig", []
    else:
        encoding, notes = (
            "cp1252",
            [_("The file is not in UTF-8; it was read as Windows-1252. Look whether letters like ä and é are right.")],
        )
    if not _is_valid(content, encoding):
        raise ValidationError(
            _("The letters in this file cannot be read. Save it as “CSV UTF-8”, or as an Excel file (.xlsx).")
        )
    return encoding, notes


def _is_valid(content: bytes, encoding: str) -> bool:
    """In pieces: as one text it would take four times the memory for the sake of one rare letter."""
    pieces = (content[start : start + _BATCH_BYTES] for start in range(0, len(content), _BATCH_BYTES))
    try:
        return all(True for _text in codecs.iterdecode(pieces, encoding))
    except UnicodeDecodeError:
        return False


def _delimiter(first_line: str, known: set[str]) -> str:
    """The one that splits the first line into the most headings that we know."""

    def score(delimiter: str) -> tuple[int, int]:
        names = [heading_of(cell) for cell in first_line.replace('"', "").split(delimiter)]
        return len(known & set(names)), len(names)

    return max(_DELIMITERS, key=score)


def heading_of(text: str) -> str:
    """A heading in the spelling that we compare: `First name ` is `first_name`."""
    return "_".join(text.replace("-", " ").replace("_", " ").casefold().split())


# --- XLSX -------------------------------------------------------------------------------------------------------
def _read_xlsx(content: bytes) -> Sheet:
    rows, _newline, end = _read_by_another_process(content).rstrip().rpartition(b"\n")
    refusal = json.loads(end) if end.startswith(b'"') else Refusal.TOO_LARGE
    if refusal:
        raise ValidationError(_words_of(refusal))
    return _sheet((json.loads(line) for line in io.BytesIO(rows)), rows.count(b"\n") + 1, [])


def _read_by_another_process(content: bytes) -> bytes:
    """What `spreadsheets.workbook_reader` writes about this workbook; not all of it if it takes too long."""
    command = [sys.executable, "-m", "spreadsheets.workbook_reader"]
    with _reading:
        try:
            return subprocess.run(  # noqa: S603 (nothing of it comes from outside)
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


def _words_of(refusal: str) -> str:
    match refusal:
        case Refusal.NO_WORKBOOK:
            return _("This is not an Excel file (.xlsx). Save it as .xlsx or as CSV.")
        case Refusal.MACROS:
            return _("The file holds macros. Save it as .xlsx, which has none.")
        case Refusal.TOO_LARGE:
            return _("The file is far larger inside than outside. Copy the cells into the template.")
        case Refusal.TOO_MANY_COLUMNS:
            return _too_wide()
        case Refusal.TOO_MANY_ROWS:
            return _too_many_rows()
    return _("The Excel file is damaged. Open it, save it again as .xlsx, and try once more.")
