"""Writes sheets: exports of what is there, templates to start from, and lists of faults."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, TextIO

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from spreadsheets.cells import writable
from spreadsheets.resources import SheetResource

#: Most rows of an export, by its format: openpyxl takes time, and Excel opens no CSV of more rows than a million.
MAX_ROWS = {"csv": 1_000_000, "xlsx": 100_000}
FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_BATCH_ROWS = 2_000


class TooManyRowsError(Exception):
    """More than a file of this format takes (`MAX_ROWS`)."""


def build(
    resource: SheetResource, rows: Any, name: str, kind: str, asked_at: datetime, tell: Callable[[int], None]
) -> bytes:
    """Everything of these rows that may be exported, as it is kept: CSV is compressed (gzip).

    `tell` is called with how many rows are done, now and then. Raises TooManyRowsError, and AuthorityLostError as soon
    as the resource's person may not see the rows any more.
    """
    lines = _limited(_told(_lines(resource, rows, asked_at), tell), MAX_ROWS[kind])
    table = _safe(_head(resource), lines)
    return _xlsx(table, name, ()) if kind == "xlsx" else _compressed_csv(table)


def download(request: HttpRequest, content: bytes, name: str) -> HttpResponse:
    """A file that was built before, to be saved under this name."""
    kind = kind_of(name)
    if kind == "xlsx":
        return _attached(HttpResponse(content), name)
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        answer = HttpResponse(content, headers={"Content-Encoding": "gzip"})
    else:
        answer = HttpResponse(gzip.decompress(content))
    patch_vary_headers(answer, ["Accept-Encoding"])
    return _attached(answer, name)


def kind_of(name: str) -> str:
    """A key of `FORMATS`, by the end of a file's name."""
    return name.rpartition(".")[2]


def dated(name: str) -> str:
    return f"{name}-{timezone.localdate():%Y-%m-%d}"


def counted(resource: type[SheetResource], rows: Any) -> int:
    """How many rows would be exported; of more than any file takes, only that it is more."""
    return int(resource.exported(rows).order_by().values("pk")[: max(MAX_ROWS.values()) + 1].count())


def template(resource: type[SheetResource], name: str, kind: str) -> HttpResponse:
    """Headings, one example, and what each column is for."""
    columns = resource.columns()
    lines = [[str(column.example) for column in columns]]
    remarks = [
        [str(column.heading), _("required") if column.is_required else _("optional"), str(column.explanation)]
        for column in columns
    ]
    table = _safe([str(column.heading) for column in columns], iter(lines))
    content = _xlsx(table, name, remarks) if kind == "xlsx" else _csv(table, remarks).encode()
    return _attached(HttpResponse(content), f"{name}-template.{kind}")


def table(headings: Sequence[str], lines: Iterable[Sequence[Any]], name: str) -> HttpResponse:
    """A list that is no export, as CSV."""
    return _attached(HttpResponse(_csv(_safe(headings, iter(lines)), ())), f"{name}.csv")


def _head(resource: SheetResource) -> list[str]:
    return [str(column.heading) for column in resource.exported_columns()]


def _lines(resource: SheetResource, rows: Any, asked_at: datetime) -> Iterator[list[str]]:
    found = resource.exported(rows).order_by("pk").iterator(chunk_size=_BATCH_ROWS)
    return resource.lines(found, asked_at)


def _told(lines: Iterator[list[str]], tell: Callable[[int], None]) -> Iterator[list[str]]:
    for done, line in enumerate(lines):
        if done % _BATCH_ROWS == 0:
            tell(done)
        yield line


def _limited(lines: Iterator[list[str]], most: int) -> Iterator[list[str]]:
    for number, line in enumerate(lines):
        if number == most:
            raise TooManyRowsError
        yield line


def _attached(answer: HttpResponse, name: str) -> HttpResponse:
    answer["Content-Type"] = FORMATS[kind_of(name)]
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _safe(head: Sequence[str], lines: Iterator[Sequence[Any]]) -> Iterator[list[str]]:
    yield list(head)
    yield from ([writable(str(cell)) for cell in line] for line in lines)


def _csv(rows: Iterator[list[str]], remarks: Sequence[Sequence[str]]) -> str:
    explained = ([f"# {': '.join(remark)}"] for remark in remarks)
    text = io.StringIO(newline="")
    _write_csv(text, chain(rows, explained))
    return text.getvalue()


def _compressed_csv(rows: Iterator[list[str]]) -> bytes:
    """A million rows are some 100 MB, of which the process holds a fifth."""
    file = io.BytesIO()
    with gzip.open(file, "wt", encoding="utf-8", newline="") as text:
        _write_csv(text, rows)
    return file.getvalue()


def _write_csv(text: TextIO, rows: Iterator[list[str]]) -> None:
    """With the mark by which Excel knows UTF-8, and with the separator that the reader's Excel expects.

    Every cell is quoted, so that one with another program's separator in it stays whole where quotes are heeded.
    """
    delimiter = ";" if (get_language() or "").startswith("de") else ","
    text.write("\ufeff")
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)


def _xlsx(rows: Iterator[list[str]], name: str, remarks: Sequence[Sequence[str]]) -> bytes:
    # Local: openpyxl takes a tenth of a second to import, which no other page needs.
    from openpyxl import Workbook

    book, file = Workbook(write_only=True), io.BytesIO()
    page = book.create_sheet(name[:31])
    try:
        for row in rows:
            page.append(row)
        if remarks:
            explained = book.create_sheet(_("Explanation"))
            for remark in remarks:
                explained.append(remark)
    finally:  # only then does openpyxl delete the files in which it keeps the rows
        book.save(file)
    return file.getvalue()
