"""Reads the first sheet of a workbook (XLSX), in a process of its own: `python -m spreadsheets.workbook_reader`.

A small file can make a parser use any amount of memory and time. Here the operating system bounds both, whatever the
file holds. The process opens neither the settings nor the database.

It takes the file from standard input and writes lines of JSON: the number and the values of each row that is not blank,
and at last a text, which is a `Refusal`. Without that last line the process was ended: the file needs too much.
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
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler

from defusedxml import DTDForbidden, sax

#: Most columns of a sheet, and the highest number of a row that spreadsheet programs know.
MAX_COLUMNS = 100
MAX_ROW_NUMBER = 1_048_576
#: A workbook is a compressed archive: what may come out of it, in bytes and in members.
_MAX_UNPACKED_BYTES = 32 * 1024 * 1024
_MAX_MEMBERS = 200
#: Most that is written to standard output: the reading process holds all of it.
_MAX_OUTPUT_CHARACTERS = 8 * 1024 * 1024
#: Private memory of this process (`RLIMIT_DATA`, which only Linux enforces) and its processor time.
_MAX_MEMORY_BYTES = 112 * 1024 * 1024
_MAX_CPU_SECONDS = 15
#: It gets less of a busy processor than those who serve requests (nice(2)).
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


class RefusedError(Exception):
    """Its argument is the `Refusal`."""


def main() -> None:
    _limit_this_process()
    try:
        _write(_rows(sys.stdin.buffer.read()))
        refusal = Refusal.NONE
    except RefusedError as refused:
        refusal = refused.args[0]
    except MemoryError:
        refusal = Refusal.TOO_LARGE
    except Exception:  # openpyxl raises whatever its parsers raise
        refusal = Refusal.DAMAGED
    sys.stdout.write(json.dumps(refusal) + "\n")


def _write(rows: Iterator[tuple[int, list[Any]]]) -> None:
    written = 0
    for row in rows:
        line = json.dumps(row, default=_text) + "\n"
        written += len(line)
        if written > _MAX_OUTPUT_CHARACTERS:
            raise RefusedError(Refusal.TOO_LARGE)
        sys.stdout.write(line)


def _text(value: Any) -> str:
    """Dates in ISO 8601; what else there may be as Python writes it."""
    return str(value.isoformat()) if isinstance(value, date) else str(value)


def _limit_this_process() -> None:
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_MAX_CPU_SECONDS, _MAX_CPU_SECONDS))
    with suppress(ValueError, OSError):  # macOS refuses it
        resource.setrlimit(resource.RLIMIT_DATA, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))


def _rows(content: bytes) -> Iterator[tuple[int, list[Any]]]:
    """Number and values of each row of the first sheet that is not blank, without the empty cells at its end."""
    _refuse_harmful(zipfile.ZipFile(io.BytesIO(content)))
    # Not before the archive was looked at: it takes a fifth of a second to import.
    from openpyxl import load_workbook

    page = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False).worksheets[0]
    for number, values in enumerate(page.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True), start=1):
        if number > MAX_ROW_NUMBER:
            raise RefusedError(Refusal.TOO_MANY_ROWS)
        if values.count(None) < len(values):
            yield number, _without_blank_end(values)


def _without_blank_end(values: tuple[Any, ...]) -> list[Any]:
    cells = [*values]
    while cells[-1] is None:
        cells.pop()
    if len(cells) > MAX_COLUMNS:
        raise RefusedError(Refusal.TOO_MANY_COLUMNS)
    return cells


def _refuse_harmful(archive: zipfile.ZipFile) -> None:
    """Looks at the archive before anything is unpacked as a whole: its size, macros, and XML with a DOCTYPE."""
    members = archive.infolist()
    names = {member.filename for member in members}
    if "xl/workbook.xml" not in names:
        raise RefusedError(Refusal.NO_WORKBOOK)
    if any(name.lower().endswith((".bin", ".vba")) and "vba" in name.lower() for name in names):
        raise RefusedError(Refusal.MACROS)
    if len(members) > _MAX_MEMBERS or sum(member.file_size for member in members) > _MAX_UNPACKED_BYTES:
        raise RefusedError(Refusal.TOO_LARGE)
    if any(_has_doctype(archive, member) for member in members):
        raise RefusedError(Refusal.DAMAGED)


class _RootReached(Exception):  # noqa: N818 (it ends the parsing, and is no error)
    pass


class _Prolog(ContentHandler):
    """Ends at the first element: a DOCTYPE can only come before it (XML 1.0, section 2.8)."""

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802 (the standard library's)
        raise _RootReached


def _has_doctype(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """No spreadsheet program writes a DOCTYPE; whoever does wants its entities expanded."""
    try:
        with archive.open(member) as opened:
            sax.parse(opened, _Prolog(), forbid_dtd=True)
    except DTDForbidden:
        return True
    except (_RootReached, SAXParseException):  # the latter if it is no XML, such as a picture
        return False
    return False


if __name__ == "__main__":
    main()
