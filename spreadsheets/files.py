"""Reads an uploaded CSV or XLSX file, row by row, whatever spreadsheet program wrote it; refuses what could harm."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from spreadsheets.cells import text_of

#: Largest upload in bytes, most rows, and most columns of a sheet.
MOST_BYTES = settings.MAX_UPLOAD_BYTES
MOST_ROWS = 20_000
MOST_COLUMNS = 100
#: XLSX is a compressed archive: what may come out of it, in bytes and in members.
_MOST_UNPACKED = 32 * 1024 * 1024
_MOST_MEMBERS = 200
_DELIMITERS = (",", ";", "\t", "|")


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
    if len(content) > MOST_BYTES:
        raise ValidationError(_too_large())
    if content.startswith(b"PK"):
        return _read_xlsx(content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise ValidationError(
            _("This is an old Excel file (.xls), or one with a password. Save it as .xlsx, without a password.")
        )
    return _read_csv(content, set(known))


def _too_large() -> str:
    size = {"size": MOST_BYTES // 1024**2}
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
        cells = [text_of(value) for value in values]
        while cells and not cells[-1]:
            cells.pop()
        if cells and not cells[0].startswith("#"):
            yield Row(number, cells)


def _limited(rows: Iterator[Row]) -> Iterator[Row]:
    for count, row in enumerate(rows):
        if count == MOST_ROWS:
            raise ValidationError(
                _("The file has more than %(rows)s rows. Split it into several files.")
                % {"rows": number_format(MOST_ROWS, force_grouping=True)}
            )
        yield row


# --- CSV --------------------------------------------------------------------------------------------------------
def _read_csv(content: bytes, known: set[str]) -> Sheet:
    text, notes = _decoded(content)
    if "\0" in text:
        raise ValidationError(_("This is neither a CSV nor an XLSX file. Start from the template."))
    first, _end, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:
        delimiter, text, before = first.strip()[4], rest, 1
    else:
        delimiter, before = _delimiter(first, known), 0
    rows = _csv_rows(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False), before)
    return _sheet(rows, text.count("\n") + (not text.endswith("\n")), notes)


def _csv_rows(reader: Any, before: int) -> Iterator[tuple[int, Sequence[Any]]]:
    try:
        for number, cells in enumerate(reader, start=before + 1):
            if len(cells) > MOST_COLUMNS:
                raise ValidationError(_too_wide())
            yield number, cells
    except csv.Error:
        raise ValidationError(
            _("The file cannot be read as CSV after line %(line)s: a quotation mark or a cell is broken.")
            % {"line": reader.line_num + before}
        ) from None


def _decoded(content: bytes) -> tuple[str, list[str]]:
    """Text in UTF-8 or UTF-16 as marked, else UTF-8 if it is valid, else what Excel for Windows writes."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _strictly(content, "utf-16"), []
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        note = _("The file is not in UTF-8; it was read as Windows-1252. Look whether letters like ä and é are right.")
        return _strictly(content, "cp1252"), [note]


def _strictly(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise ValidationError(
            _("The letters in this file cannot be read. Save it as “CSV UTF-8”, or as an Excel file (.xlsx).")
        ) from None


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
    _refuse_harmful(content)
    # Local: openpyxl takes a tenth of a second to import, which no other page needs.
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        page = book.worksheets[0]
        size = min(page.max_row or 0, MOST_ROWS)
    except Exception:  # openpyxl raises whatever its parsers raise
        raise ValidationError(_broken_xlsx()) from None
    return _sheet(_xlsx_rows(page), size, [])


def _xlsx_rows(page: Any) -> Iterator[tuple[int, Sequence[Any]]]:
    rows = enumerate(page.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True), start=1)
    while True:
        try:
            number, values = next(rows)
        except StopIteration:
            return
        except Exception:  # as above
            raise ValidationError(_broken_xlsx()) from None
        if len(values) > MOST_COLUMNS and values[MOST_COLUMNS] is not None:
            raise ValidationError(_too_wide())
        yield number, values


def _refuse_harmful(content: bytes) -> None:
    """Looks into the archive before anything is unpacked: its size, macros, and XML that defines entities."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = archive.infolist()
        names = {member.filename for member in members}
        if "xl/workbook.xml" not in names:
            raise ValidationError(_("This is not an Excel file (.xlsx). Save it as .xlsx or as CSV."))
        if any(name.lower().endswith((".bin", ".vba")) and "vba" in name.lower() for name in names):
            raise ValidationError(_("The file holds macros. Save it as .xlsx, which has none."))
        if len(members) > _MOST_MEMBERS or sum(member.file_size for member in members) > _MOST_UNPACKED:
            raise ValidationError(_("The file is far larger inside than outside. Copy the cells into the template."))
        if any(_defines_entities(archive, member) for member in members):
            raise ValidationError(_broken_xlsx())
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError):
        raise ValidationError(_broken_xlsx()) from None


def _defines_entities(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """No spreadsheet program writes a DOCTYPE; whoever does wants it for no good."""
    with archive.open(member) as opened:
        return b"<!DOCTYPE" in opened.read(4096).replace(b"\0", b"").upper()


def _broken_xlsx() -> str:
    return _("The Excel file is damaged. Open it, save it again as .xlsx, and try once more.")


def _too_wide() -> str:
    return _("The file has more than %(columns)s columns. Start from the template.") % {"columns": MOST_COLUMNS}
