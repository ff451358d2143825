"""Reads one sheet of a workbook (XLSX or ODS), in a process of its own (`python -m`).

A small file can make a parser use unlimited memory and time, so the operating system limits both for this process. It
opens neither the settings nor the database.

It reads the file from standard input, and the known headings and the name of a sheet as JSON from its argument, if it
has one. It writes lines of JSON: number and values of each row that is not blank, and a `Summary` as the last line.
Without the last line the process was killed because it exceeded a limit.

Unless a sheet is named, it reads the first visible one with two known headings; if there is none, the first visible one
that is not blank.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any
from xml.parsers import expat

from defusedxml import DTDForbidden
from defusedxml.ElementTree import ParseError, iterparse

from config.spreadsheets.reading import ods_reader, xlsx_reader
from config.spreadsheets.reading.headings import count_known, is_remark_above
from config.spreadsheets.reading.tables import Refusal, Table, WorkbookRefusedError

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
#: One of these is in every file of Office Open XML.
_XLSX = ("[content_types].xml", "_rels/.rels", "xl/workbook.xml")
#: A lower priority than that of the server (nice(2)).
_NICENESS = 5
_MAX_NAME_CHARACTERS, _MAX_NAMES = 100, 50
#: Headings that a sheet needs to be meant, if other sheets have fewer.
_MIN_KNOWN = 2


@dataclass
class Summary:
    refusal: Refusal = Refusal.NONE
    #: The sheet that was read.
    name: str = ""
    #: The visible sheets among which one is meant: those with known headings; if there is none, all that are not blank.
    sheets: list[str] = field(default_factory=list)
    #: Hidden sheets with known headings.
    hidden: list[str] = field(default_factory=list)
    #: Whether the value of a merged cell was given to further rows.
    is_merged: bool = False


def main() -> None:
    _limit_this_process()
    summary = Summary()
    try:
        known, wanted = json.loads(sys.argv[1]) if len(sys.argv) > 1 else ([], "")
        sys.stdout.writelines(_lines(_tables(sys.stdin.buffer.read()), frozenset(known), wanted, summary))
    except WorkbookRefusedError as refused:
        summary.refusal = refused.args[0]
    except MemoryError:
        summary.refusal = Refusal.TOO_LARGE
    except expat.ExpatError as error:
        is_memory = expat.errors.messages[error.code] == expat.errors.XML_ERROR_NO_MEMORY
        summary.refusal = Refusal.TOO_LARGE if is_memory else Refusal.DAMAGED
    except Exception:  # whatever is wrong in it
        summary.refusal = Refusal.DAMAGED
    sys.stdout.write(json.dumps(asdict(summary)) + "\n")


def _lines(tables: Iterator[Table], known: frozenset[str], wanted: str, summary: Summary) -> list[str]:
    """The rows of the sheet that is wanted, or of the first of those that are most likely meant."""
    chosen: _Peeked | None = None
    lines: list[str] = []
    visible: dict[int, list[str]] = defaultdict(list)
    for table in (_Peeked(table, known) for table in tables):
        if table.is_hidden:
            _add_name(summary.hidden, table.name if table.is_meant else "")
            continue
        _add_name(visible[table.likelihood], table.name)
        if wanted in ("", table.name) and table.likelihood > (chosen.likelihood if chosen else _Peeked.BLANK):
            chosen, lines = table, table.lines()
    if chosen:
        summary.name, summary.is_merged = chosen.name, chosen.merged.is_used
        summary.sheets = visible[_Peeked.MEANT] or visible[_Peeked.FILLED]
        if chosen.error:
            raise chosen.error
    return lines


def _add_name(names: list[str], name: str) -> None:
    if name and name not in names and len(names) < _MAX_NAMES:
        names.append(name)


class _Peeked:
    """A table that is read up to its first row that is no remark."""

    BLANK, FILLED, MEANT = range(3)

    def __init__(self, table: Table, known: frozenset[str]) -> None:
        #: With single blanks, so that it comes back from a form as it is.
        self.name = " ".join(table.name.split())[:_MAX_NAME_CHARACTERS]
        self.is_hidden, self.merged = table.is_hidden, table.merged
        #: What is wrong in it. It is not raised, because another table may be read instead.
        self.error: Exception | None = None
        self._known, self._rows = known, self._until_error(table.rows)
        self._first: list[tuple[int, list[Any]]] = []
        for row in self._rows:
            self._first.append(row)
            if not is_remark_above(row[1], known):
                break

    def _until_error(self, rows: Iterator[tuple[int, list[Any]]]) -> Iterator[tuple[int, list[Any]]]:
        try:
            yield from rows
        except (WorkbookRefusedError, ValueError, KeyError, IndexError) as error:
            self.error = error

    @property
    def is_meant(self) -> bool:
        known = self._known
        return bool(self._first) and (not known or count_known(self._first[-1][1], known) >= _MIN_KNOWN)

    @property
    def likelihood(self) -> int:
        if self.is_meant:
            return self.MEANT
        return self.FILLED if self._first or self.error else self.BLANK

    def lines(self) -> list[str]:
        """Its rows as JSON."""
        lines, written = [], 0
        for row in chain(self._first, self._rows):
            lines.append(json.dumps(row) + "\n")
            written += len(lines[-1])
            if written > _MAX_OUTPUT_CHARACTERS:
                self.error = WorkbookRefusedError(Refusal.TOO_LARGE)
                break
        return lines


def _limit_this_process() -> None:
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_MAX_CPU_SECONDS, _MAX_CPU_SECONDS))
    with suppress(ValueError, OSError):  # not supported by macOS
        resource.setrlimit(resource.RLIMIT_DATA, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))


def _tables(content: bytes) -> Iterator[Table]:
    archive = zipfile.ZipFile(io.BytesIO(content))
    _refuse_harmful(archive)
    if _is_ods(archive):
        with archive.open(_ODS) as opened:
            yield from ods_reader.tables(opened)
    else:
        yield from xlsx_reader.tables(archive)


def _refuse_harmful(archive: zipfile.ZipFile) -> None:
    """Refuses macros, passwords, a large uncompressed size and a DOCTYPE before a member is unpacked as a whole."""
    members = archive.infolist()
    names = {member.filename for member in members}
    if len(members) > _MAX_MEMBERS or sum(member.file_size for member in members) > _MAX_UNPACKED_BYTES:
        raise WorkbookRefusedError(Refusal.TOO_LARGE)
    if "encrypted-package" in names or (_MANIFEST in names and b"encryption-data" in archive.read(_MANIFEST)):
        raise WorkbookRefusedError(Refusal.PASSWORD)
    if not (_is_ods(archive) or any(name.lower() in _XLSX for name in names)):
        raise WorkbookRefusedError(Refusal.NO_WORKBOOK)
    if any(_is_macro(name.lower()) for name in names):
        raise WorkbookRefusedError(Refusal.MACROS)
    if any(_has_doctype(archive, member) for member in members):
        raise WorkbookRefusedError(Refusal.DAMAGED)


def _is_macro(name: str) -> bool:
    return (name.endswith((".bin", ".vba")) and "vba" in name) or name.startswith(("basic/", "scripts/"))


def _is_ods(archive: zipfile.ZipFile) -> bool:
    is_there = {_ODS, "mimetype"} <= {*archive.namelist()}
    return is_there and archive.read("mimetype").startswith(_ODS_MEDIA_TYPE)


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
