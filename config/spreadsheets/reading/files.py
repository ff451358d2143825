"""Reads an uploaded CSV, XLSX or ODS file row by row.

Time and memory are bounded for any content: the lines of a CSV row have a maximum length, and XLSX and ODS are parsed
by a separate process (`workbook_reader`). Each function raises ValidationError with a message for the person who chose
the file.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from config.spreadsheets.cells import text_of
from config.spreadsheets.reading import csv_reader, limits
from config.spreadsheets.reading.headings import is_remark_above
from config.spreadsheets.reading.tables import MAX_ROW_NUMBER, Refusal

#: Wall-clock timeout of the process that parses XLSX and ODS. Its processor time is limited in `workbook_reader`.
MAX_READING_SECONDS = 60
#: XML, HTML and MHTML, which programs write under the name of an Excel file.
_OTHER_FORMAT = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<(\?xml|!doctype|html|table|meta|head)\b|mime-version:)", re.IGNORECASE
)
#: One such parser per server process, which bounds the memory of all of them.
_parser_lock = threading.Lock()


class Row(NamedTuple):
    """Its number as a spreadsheet program displays it, and its cells as text."""

    number: int
    cells: list[str]


@dataclass
class Skipped:
    """The rows that are not read, by the reason. Blank rows after the last are not counted."""

    remarks_above: int = 0
    blank: int = 0
    remarks: int = 0

    def __str__(self) -> str:
        reasons = {
            _("remarks above the headings"): self.remarks_above,
            _("blank rows"): self.blank,
            _("remarks of the template"): self.remarks,
        }
        return ", ".join(f"{reason}: {number_format(rows)}" for reason, rows in reasons.items() if rows)


@dataclass
class Sheet:
    """The sheet that is read: the headings as written, and the rows that are neither blank nor remarks."""

    headings: list[str]
    rows: Iterator[Row]
    #: Estimated number of rows.
    size: int
    #: Assumptions that the person should check.
    notes: list[str]
    #: Rows skipped so far.
    skipped: Skipped
    #: "" in CSV, which has one sheet.
    name: str = ""
    #: The names of the sheets among which this one was chosen.
    sheets: list[str] = field(default_factory=list)

    def summary(self, rows: int) -> str:
        """What was read and what was skipped, for the person who chose the file."""
        numbers = {"rows": number_format(rows, force_grouping=True), "name": self.name}
        read = _("Rows read: %(rows)s, from the sheet “%(name)s”.") if self.name else _("Rows read: %(rows)s.")
        skipped = str(self.skipped)
        return " ".join([read % numbers, *([_("Skipped: %(rows)s.") % {"rows": skipped}] if skipped else [])])


class SheetRefusedError(ValidationError):
    """A workbook cannot be read; if only one sheet of it, `name` and `sheets` are those of `Sheet`."""

    def __init__(self, refusal: ValidationError, summary: dict[str, Any]) -> None:
        super().__init__(refusal)
        self.name: str = summary.get("name", "")
        self.sheets: list[str] = summary.get("sheets", [])


def read(content: bytes, known: Iterable[str], remarks: Collection[str] = (), wanted: str = "") -> Sheet:
    """The sheet that is wanted, or else meant, in a file.

    The `known` headings help to find it, and `remarks` are the beginnings of those to skip.
    """
    if len(content) > limits.MAX_BYTES:
        raise ValidationError(limits.too_large())
    if content.startswith(b"PK"):
        return _read_workbook(content, {*known}, remarks, wanted)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise ValidationError(
            _("This is an old Excel file (.xls), or one with a password. Save it as .xlsx, without a password.")
        )
    if _OTHER_FORMAT.match(content):
        raise ValidationError(_message_of(Refusal.OTHER_DIALECT))
    rows, notes = csv_reader.read(content, {*known})
    size = content.count(b"\n") + (not content.endswith(b"\n"))
    return _sheet(_Rows(rows, {*known}, remarks), size, notes)


def _sheet(rows: _Rows, size: int, notes: list[str]) -> Sheet:
    found = iter(rows)
    _number, headings = next(found, (0, []))
    if not headings:
        raise ValidationError(_("The file is empty. Start from the template."))
    return Sheet(headings, found, max(size - 1, 0), notes, rows.skipped)


@dataclass
class _Rows:
    """The rows that are neither blank nor remarks; the first has the headings.

    Remarks are those of the CSV template, which have one cell, and above the headings whatever begins with `#`.
    """

    parsed: Iterable[tuple[int, Sequence[Any]]]
    known: Collection[str]
    remarks: Collection[str]
    skipped: Skipped = field(default_factory=Skipped)

    def __iter__(self) -> Iterator[Row]:
        characters = 0
        for count, row in enumerate(self._filled()):
            characters += sum(map(len, row.cells))
            if count > limits.MAX_ROWS:
                raise ValidationError(limits.too_many_rows())
            if characters > limits.MAX_BYTES:
                raise ValidationError(limits.too_large())
            yield row

    def _filled(self) -> Iterator[Row]:
        last = blank = 0
        has_headings = False
        for number, values in self.parsed:
            if not (cells := _cells(number, values)):
                continue
            blank, last = blank + number - last - 1, number
            if not has_headings and is_remark_above(cells, self.known):
                self.skipped.remarks_above += 1
            elif len(cells) == 1 and cells[0].startswith(tuple(self.remarks)):
                self.skipped.remarks += 1
            else:
                self.skipped.blank += blank if has_headings else 0
                blank, has_headings = 0, True
                yield Row(number, cells)


def _cells(number: int, values: Sequence[Any]) -> list[str]:
    """Without the blank cells at the end."""
    if number > MAX_ROW_NUMBER:
        raise ValidationError(limits.too_many_rows())
    if sum(len(value) for value in values if isinstance(value, str)) > limits.MAX_ROW_CHARACTERS:
        raise ValidationError(limits.too_long(number))
    cells = [text_of(value) for value in values]
    while cells and not cells[-1]:
        cells.pop()
    return cells


# --- XLSX and ODS -----------------------------------------------------------------------------------------------
def _read_workbook(content: bytes, known: Collection[str], remarks: Collection[str], wanted: str) -> Sheet:
    rows, _newline, last = _run_workbook_reader(content, known, wanted).rstrip().rpartition(b"\n")
    summary: dict[str, Any] = json.loads(last) if last.startswith(b"{") else {"refusal": Refusal.TOO_LARGE}
    try:
        if summary["refusal"]:
            raise ValidationError(_message_of(summary["refusal"]))
        parsed = (json.loads(line) for line in io.BytesIO(rows))
        sheet = _sheet(_Rows(parsed, known, remarks), rows.count(b"\n") + 1, _notes(summary))
    except ValidationError as refusal:
        raise SheetRefusedError(refusal, summary) from None
    sheet.name, sheet.sheets = summary["name"], summary["sheets"]
    return sheet


def _notes(summary: dict[str, Any]) -> list[str]:
    notes = []
    if hidden := ", ".join(f"“{name}”" for name in summary["hidden"]):
        notes.append(_("Hidden sheets were not read: %(hidden)s.") % {"hidden": hidden})
    if summary["is_merged"]:
        words = _("There are merged cells: their value was read in each of their rows. Look whether it belongs there.")
        notes.append(words)
    return notes


def _run_workbook_reader(content: bytes, known: Collection[str], wanted: str) -> bytes:
    """The output of `workbook_reader`; incomplete if a limit of the process was exceeded."""
    argument = json.dumps([sorted(known), wanted])
    command = [sys.executable, "-m", "config.spreadsheets.reading.workbook_reader", argument]
    with _parser_lock:
        try:
            return subprocess.run(  # noqa: S603 (the command is ours, and the argument is only read)
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
        Refusal.OTHER_DIALECT: _("This is another Excel format. Save it as an ordinary .xlsx (“Excel Workbook”)."),
        Refusal.BINARY: _("This is a binary Excel workbook (.xlsb). Save it as .xlsx (“Excel Workbook”)."),
        Refusal.PASSWORD: _("The file has a password. Save it without one."),
        Refusal.MACROS: _("The file holds macros. Save it as .xlsx, which has none."),
        Refusal.TOO_LARGE: _("The file is far larger inside than outside. Copy the cells into the template."),
        Refusal.TOO_MANY_COLUMNS: limits.too_wide(),
        Refusal.TOO_MANY_ROWS: limits.too_many_rows(),
    }
    return words.get(Refusal(refusal), _("The file is damaged. Open it, save it again, and try once more."))
