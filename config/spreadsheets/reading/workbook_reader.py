"""Reads the first sheet of a workbook (XLSX or ODS), in a process of its own (`python -m`).

A small file can make a parser use unlimited memory and time, so the operating system limits both for this process. It
opens neither the settings nor the database.

It reads the file from standard input and writes lines of JSON: number and values of each row that is not blank, and a
`Refusal` as the last line. Without the last line the process was killed because it exceeded a limit.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from enum import StrEnum
from typing import Any

from defusedxml import DTDForbidden
from defusedxml.ElementTree import ParseError, iterparse

from config.spreadsheets.reading import ods_reader

#: Most columns of a sheet, and Excel's highest row number.
MAX_COLUMNS = 100
MAX_ROW_NUMBER = 1_048_576
#: A workbook is a ZIP archive: its maximum uncompressed size and number of members.
_MAX_UNPACKED_BYTES = 32 * 1024 * 1024
_MAX_MEMBERS = 200
#: Maximum output: the server holds all of it in memory.
_MAX_OUTPUT_CHARACTERS = 8 * 1024 * 1024
#: Private memory (`RLIMIT_DATA`, enforced only by Linux) and processor time.
_MAX_MEMORY_BYTES = 112 * 1024 * 1024
_MAX_CPU_SECONDS = 15
#: Members of an OpenDocument spreadsheet, and the beginning of its media type, which templates have too.
_ODS, _MANIFEST = "content.xml", "META-INF/manifest.xml"
_ODS_MEDIA_TYPE = b"application/vnd.oasis.opendocument.spreadsheet"
#: A lower priority than that of the server (nice(2)).
_NICENESS = 5


class Refusal(StrEnum):
    """Why a workbook is refused; `NONE` if it is not."""

    NONE = ""
    DAMAGED = "damaged"
    NO_WORKBOOK = "no workbook"
    MACROS = "macros"
    PASSWORD = "a password"  # noqa: S105 (it is none)
    TOO_LARGE = "too large inside"
    TOO_MANY_COLUMNS = "too many columns"
    TOO_MANY_ROWS = "too many rows"


class WorkbookRefusedError(Exception):
    """Its argument is the `Refusal`."""


def main() -> None:
    _limit_this_process()
    try:
        _write(_rows(sys.stdin.buffer.read()))
        refusal = Refusal.NONE
    except WorkbookRefusedError as refused:
        refusal = refused.args[0]
    except MemoryError:
        refusal = Refusal.TOO_LARGE
    except Exception:  # openpyxl documents no exceptions
        refusal = Refusal.DAMAGED
    sys.stdout.write(json.dumps(refusal) + "\n")


def _write(rows: Iterator[tuple[int, list[Any]]]) -> None:
    written = 0
    for row in rows:
        line = json.dumps(row, default=_text) + "\n"
        written += len(line)
        if written > _MAX_OUTPUT_CHARACTERS:
            raise WorkbookRefusedError(Refusal.TOO_LARGE)
        sys.stdout.write(line)


def _text(value: Any) -> str:
    """Dates in ISO 8601, other types by `str`."""
    return str(value.isoformat()) if isinstance(value, date) else str(value)


def _limit_this_process() -> None:
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_MAX_CPU_SECONDS, _MAX_CPU_SECONDS))
    with suppress(ValueError, OSError):  # not supported by macOS
        resource.setrlimit(resource.RLIMIT_DATA, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))


def _rows(content: bytes) -> Iterator[tuple[int, list[Any]]]:
    """Number and values of each row of the first sheet that is not blank, without the blank cells at its end."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    _refuse_harmful(archive)
    return _xlsx_rows(content) if "xl/workbook.xml" in archive.namelist() else _ods_rows(archive)


def _ods_rows(archive: zipfile.ZipFile) -> Iterator[tuple[int, list[Any]]]:
    with archive.open(_ODS) as opened:
        try:
            for number, cells in ods_reader.rows(opened, MAX_COLUMNS):
                yield _checked(number), cells
        except ods_reader.TooManyColumnsError:
            raise WorkbookRefusedError(Refusal.TOO_MANY_COLUMNS) from None


def _checked(number: int) -> int:
    if number > MAX_ROW_NUMBER:
        raise WorkbookRefusedError(Refusal.TOO_MANY_ROWS)
    return number


def _xlsx_rows(content: bytes) -> Iterator[tuple[int, list[Any]]]:
    # Imported here because it takes 0.2 s, which other files do not need.
    from openpyxl import load_workbook

    sheet = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False).worksheets[0]
    for number, values in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True), start=1):
        _checked(number)
        if values.count(None) < len(values):
            yield number, _without_blank_end(values)


def _without_blank_end(values: tuple[Any, ...]) -> list[Any]:
    cells = [*values]
    while cells[-1] is None:
        cells.pop()
    if len(cells) > MAX_COLUMNS:
        raise WorkbookRefusedError(Refusal.TOO_MANY_COLUMNS)
    return cells


def _refuse_harmful(archive: zipfile.ZipFile) -> None:
    """Refuses macros, passwords, a large uncompressed size and a DOCTYPE before a member is unpacked as a whole."""
    members = archive.infolist()
    names = {member.filename for member in members}
    if len(members) > _MAX_MEMBERS or sum(member.file_size for member in members) > _MAX_UNPACKED_BYTES:
        raise WorkbookRefusedError(Refusal.TOO_LARGE)
    _refuse_other_documents(archive, names)
    if any(_is_macro(name.lower()) for name in names):
        raise WorkbookRefusedError(Refusal.MACROS)
    if any(_has_doctype(archive, member) for member in members):
        raise WorkbookRefusedError(Refusal.DAMAGED)


def _is_macro(name: str) -> bool:
    return (name.endswith((".bin", ".vba")) and "vba" in name) or name.startswith(("basic/", "scripts/"))


def _refuse_other_documents(archive: zipfile.ZipFile, names: set[str]) -> None:
    """Refuses what is no spreadsheet, such as a text document, and OpenDocument with a password."""
    if "encrypted-package" in names or (_MANIFEST in names and b"encryption-data" in archive.read(_MANIFEST)):
        raise WorkbookRefusedError(Refusal.PASSWORD)
    is_ods = {_ODS, "mimetype"} <= names and archive.read("mimetype").startswith(_ODS_MEDIA_TYPE)
    if not (is_ods or "xl/workbook.xml" in names):
        raise WorkbookRefusedError(Refusal.NO_WORKBOOK)


def _has_doctype(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Parses up to the first element, before which a DOCTYPE must be (XML 1.0, section 2.8).

    A DOCTYPE can declare entities that expand to any size; spreadsheet programs write none.
    """
    try:
        with archive.open(member) as opened:
            next(iterparse(opened, events=("start",), forbid_dtd=True), None)
    except DTDForbidden:
        return True
    except ParseError:  # not XML, such as a picture
        return False
    return False


if __name__ == "__main__":
    main()
