"""Reads the first sheet of a workbook (XLSX), in a process of its own (`python -m`).

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
#: A lower priority than that of the server (nice(2)).
_NICENESS = 5


class Refusal(StrEnum):
    """Why a workbook is refused; `NONE` if it is not."""

    NONE = ""
    DAMAGED = "damaged"
    NO_WORKBOOK = "no workbook"
    MACROS = "macros"
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
    _refuse_harmful(zipfile.ZipFile(io.BytesIO(content)))
    # Imported here because it takes 0.2 s, which a refused archive does not need.
    from openpyxl import load_workbook

    sheet = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False).worksheets[0]
    for number, values in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True), start=1):
        if number > MAX_ROW_NUMBER:
            raise WorkbookRefusedError(Refusal.TOO_MANY_ROWS)
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
    """Refuses macros, a large uncompressed size and a DOCTYPE before a member is unpacked as a whole."""
    members = archive.infolist()
    names = {member.filename for member in members}
    if "xl/workbook.xml" not in names:
        raise WorkbookRefusedError(Refusal.NO_WORKBOOK)
    if any(name.lower().endswith((".bin", ".vba")) and "vba" in name.lower() for name in names):
        raise WorkbookRefusedError(Refusal.MACROS)
    if len(members) > _MAX_MEMBERS or sum(member.file_size for member in members) > _MAX_UNPACKED_BYTES:
        raise WorkbookRefusedError(Refusal.TOO_LARGE)
    if any(_has_doctype(archive, member) for member in members):
        raise WorkbookRefusedError(Refusal.DAMAGED)


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
