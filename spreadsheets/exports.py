"""Writes sheets: exports of what is there, templates to start from, and lists of faults."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from spreadsheets.cells import writable
from spreadsheets.resources import SheetResource

#: XLSX is made as a whole, beside the requests; CSV goes out row by row, however many there are.
MAX_XLSX_ROWS = 100_000
FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_BATCH_ROWS = 2_000


class TooManyRowsError(Exception):
    """More than an XLSX file takes."""


def export(resource: SheetResource, rows: Any, name: str) -> HttpResponseBase:
    """Everything of these rows that may be exported, as CSV."""
    return _file(_head(resource), _lines(resource, rows, timezone.now()), dated(name), "csv")


def workbook(resource: SheetResource, rows: Any, name: str, asked_at: datetime, tell: Callable[[int], None]) -> bytes:
    """The same as XLSX, for who asked then; `tell` is called with how many rows are done, now and then.

    Raises TooManyRowsError, and AuthorityLostError as soon as the resource's person may not see the rows any more.
    """
    lines = _told(_lines(resource, rows, asked_at), tell)
    return _xlsx(_safe(_head(resource), lines), name, ())


def download(content: bytes, name: str) -> HttpResponseBase:
    """A workbook that was made before, to be saved under this name."""
    return _attached(FileResponse(io.BytesIO(content)), name, "xlsx")


def dated(name: str) -> str:
    return f"{name}-{timezone.localdate():%Y-%m-%d}"


def counted(resource: type[SheetResource], rows: Any) -> int:
    """How many rows would be exported; of more than an XLSX file takes, only that it is more."""
    return int(resource.exported(rows).order_by().values("pk")[: MAX_XLSX_ROWS + 1].count())


def template(resource: type[SheetResource], name: str, kind: str) -> HttpResponseBase:
    """Headings, one example, and what each column is for."""
    columns = resource.columns()
    lines = [[str(column.example) for column in columns]]
    remarks = [
        [str(column.heading), _("required") if column.is_required else _("optional"), str(column.explanation)]
        for column in columns
    ]
    return _file([str(column.heading) for column in columns], iter(lines), f"{name}-template", kind, remarks)


def table(headings: Sequence[str], lines: Iterable[Sequence[Any]], name: str) -> HttpResponseBase:
    return _file(headings, iter(lines), name, "csv")


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


def _file(
    head: Sequence[str], lines: Iterator[Sequence[Any]], name: str, kind: str, remarks: Sequence[Sequence[str]] = ()
) -> HttpResponseBase:
    rows = _safe(head, lines)
    return _attached(_csv(rows, remarks), name, kind) if kind == "csv" else download(_xlsx(rows, name, remarks), name)


def _attached(answer: HttpResponseBase, name: str, kind: str) -> HttpResponseBase:
    answer["Content-Type"] = FORMATS[kind]
    answer["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return answer


def _safe(head: Sequence[str], lines: Iterator[Sequence[Any]]) -> Iterator[list[str]]:
    yield list(head)
    yield from ([writable(str(cell)) for cell in line] for line in lines)


def _csv(rows: Iterator[list[str]], remarks: Sequence[Sequence[str]]) -> StreamingHttpResponse:
    """With the mark by which Excel knows UTF-8, and with the separator that the reader's Excel expects."""
    delimiter = ";" if (get_language() or "").startswith("de") else ","
    explained = ([f"# {': '.join(remark)}"] for remark in remarks)
    return StreamingHttpResponse(_pieces(chain(rows, explained), delimiter))


def _pieces(rows: Iterator[list[str]], delimiter: str) -> Iterator[str]:
    """The text of many rows at once: a server pays for each piece that it sends.

    Every cell is quoted, so that one with another program's separator in it stays whole where quotes are heeded.
    """
    yield "\ufeff"
    while batch := list(islice(rows, _BATCH_ROWS)):
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(batch)
        yield text.getvalue()


def _xlsx(rows: Iterator[list[str]], name: str, remarks: Sequence[Sequence[str]]) -> bytes:
    # Local: openpyxl takes a tenth of a second to import, which no other page needs.
    from openpyxl import Workbook

    book, file = Workbook(write_only=True), io.BytesIO()
    page = book.create_sheet(name[:31])
    try:
        for number, row in enumerate(rows):
            if number > MAX_XLSX_ROWS:
                raise TooManyRowsError
            page.append(row)
        if remarks:
            explained = book.create_sheet(_("Explanation"))
            for remark in remarks:
                explained.append(remark)
    finally:  # only then does openpyxl delete the files in which it keeps the rows
        book.save(file)
    return file.getvalue()
