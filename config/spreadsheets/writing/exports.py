"""Writes CSV, XLSX and ODS: exports, templates and lists of faults."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, TextIO

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from config.database import replica
from config.spreadsheets.cells import writable
from config.spreadsheets.columns import Column
from config.spreadsheets.resources import SheetResource
from config.spreadsheets.writing import ods_writer

#: Most rows of an export, by format: openpyxl is slow, and Excel opens no CSV of more than a million rows.
MAX_ROWS = {"csv": 1_000_000, "xlsx": 100_000, "ods": 100_000}
FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ods": ods_writer.MEDIA_TYPE,
}
_BATCH_ROWS = 2_000
#: The first character of what Excel reads as an escaped character (ECMA-376, part 1, section 22.9.2.19).
_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")


class TooManyRowsError(Exception):
    """More than `MAX_ROWS` of the format."""


def build(resource: SheetResource, rows: Any, name: str, asked_at: datetime, progress: Callable[[int], None]) -> bytes:
    """The file as it is stored: CSV is compressed with gzip. `progress` is called with the number of rows done.

    Raises TooManyRowsError, and AuthorityLostError as soon as the resource's person may no longer see the rows.
    """
    kind = kind_of(name)

    def made(found: Any) -> bytes:
        lines = resource.lines(found.iterator(chunk_size=_BATCH_ROWS), asked_at)
        table = _safe(resource.exported_headings(), _monitored(lines, MAX_ROWS[kind], progress))
        return _compressed_csv(table) if kind == "csv" else _workbook(kind, table, name, ())

    return replica.exported(resource.exported(rows, resource.importer).order_by("pk"), made)


def download(request: HttpRequest, content: bytes, name: str) -> HttpResponse:
    """A file that `build` made."""
    kind = kind_of(name)
    if kind != "csv":
        return _attached(HttpResponse(content), name)
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        answer = HttpResponse(content, headers={"Content-Encoding": "gzip"})
    else:
        answer = HttpResponse(gzip.decompress(content))
    patch_vary_headers(answer, ["Accept-Encoding"])
    return _attached(answer, name)


def kind_of(name: str) -> str:
    """The key of `FORMATS`: the extension of the file name."""
    return name.rpartition(".")[2]


def dated(name: str) -> str:
    return f"{name}-{timezone.localdate():%Y-%m-%d}"


def counted(resource: type[SheetResource], rows: Any, viewer: Any) -> int:
    """The number of rows to export. The count stops above the maximum of every format."""
    return int(resource.exported(rows, viewer).order_by().values("pk")[: max(MAX_ROWS.values()) + 1].count())


def template(resource: type[SheetResource], kind: str) -> HttpResponse:
    """The headings, one example row and an explanation of each column."""
    columns, name = resource.columns(), resource.file_name
    rows = _safe([str(column.heading) for column in columns], [[str(column.example) for column in columns]])
    return _attached(HttpResponse(_content(kind, rows, name, columns)), f"{name}-template.{kind}")


def table(headings: Sequence[str], lines: Iterable[Sequence[Any]], name: str, kind: str = "csv") -> HttpResponse:
    """A file of these lines, in one of `FORMATS`."""
    return _attached(HttpResponse(_content(kind, _safe(headings, lines), name)), f"{name}.{kind}")


def compressed(lines: Sequence[Sequence[Any]]) -> bytes:
    """A CSV file, compressed with gzip, as `download` takes it. The first line has the headings."""
    return _compressed_csv(_safe(lines[0], lines[1:]))


def _monitored(lines: Iterator[list[str]], most: int, progress: Callable[[int], None]) -> Iterator[list[str]]:
    """Calls `progress` once per batch. Raises TooManyRowsError at the first line above `most`."""
    for done, line in enumerate(lines):
        if done == most:
            raise TooManyRowsError
        if done % _BATCH_ROWS == 0:
            progress(done)
        yield line


def _attached(answer: HttpResponse, name: str) -> HttpResponse:
    answer["Content-Type"] = FORMATS[kind_of(name)]
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _safe(head: Sequence[str], lines: Iterable[Sequence[Any]]) -> Iterator[list[str]]:
    yield list(head)
    yield from ([writable(str(cell)) for cell in line] for line in lines)


def _content(kind: str, rows: Iterator[list[str]], name: str, explained: Sequence[Column] = ()) -> str | bytes:
    """The rows, and then what these columns mean."""
    if kind != "csv":
        return _workbook(kind, rows, name, [column.description() for column in explained])
    text = io.StringIO(newline="")
    _write_csv(text, chain(rows, ([column.remark()] for column in explained)))
    return text.getvalue()


def _compressed_csv(rows: Iterator[list[str]]) -> bytes:
    """A million rows are about 100 MB of text, and 20 MB in memory when compressed."""
    file = io.BytesIO()
    with gzip.open(file, "wt", encoding="utf-8", newline="") as text:
        _write_csv(text, rows)
    return file.getvalue()


def _write_csv(text: TextIO, rows: Iterator[list[str]]) -> None:
    """With the BOM that Excel needs for UTF-8, and the delimiter that Excel expects in the person's language.

    Every cell is quoted, so that a program with another delimiter does not split it.
    """
    delimiter = ";" if (get_language() or "").startswith("de") else ","
    text.write("\ufeff")
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)


def _workbook(kind: str, rows: Iterator[list[str]], name: str, remarks: Sequence[Sequence[str]]) -> bytes:
    """With the remarks on a second sheet."""
    if kind == "xlsx":
        return _xlsx(rows, name, remarks)
    explained = [(_("Explanation"), remarks)] if remarks else []
    return ods_writer.write([(name, rows), *explained])


def _xlsx(rows: Iterator[list[str]], name: str, remarks: Sequence[Sequence[str]]) -> bytes:
    # Imported here because it takes 0.1 s, which no other page needs.
    from openpyxl import Workbook

    book, file = Workbook(write_only=True), io.BytesIO()
    page = book.create_sheet(name[:31])
    try:
        for row in rows:
            page.append([_ESCAPED.sub("_x005F_", cell) for cell in row])
        if remarks:
            explained = book.create_sheet(_("Explanation"))
            for remark in remarks:
                explained.append(remark)
    finally:  # openpyxl deletes its temporary files on saving
        book.save(file)
    return file.getvalue()
