"""Writes sheets: exports of what is there, templates to start from, and lists of faults."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from tempfile import TemporaryFile
from typing import Any

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from spreadsheets.cells import writable
from spreadsheets.resources import SheetResource

#: XLSX is made as a whole before it is sent; CSV goes out row by row, however many there are.
MOST_XLSX_ROWS = 100_000
FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_BATCH_ROWS = 2_000


class TooManyRowsError(Exception):
    """More than an XLSX file takes."""


def export(resource: SheetResource, rows: Any, name: str, kind: str) -> HttpResponseBase:
    """Everything of these rows that may be exported. Raises TooManyRowsError."""
    head = [str(column.heading) for column in resource.exported_columns()]
    found = resource.exported(rows).order_by("pk").iterator(chunk_size=_BATCH_ROWS)
    return _file(head, resource.lines(found), f"{name}-{timezone.localdate():%Y-%m-%d}", kind)


def counted(resource: type[SheetResource], rows: Any) -> int:
    """How many rows would be exported; of more than an XLSX file takes, only that it is more."""
    return int(resource.exported(rows).order_by().values("pk")[: MOST_XLSX_ROWS + 1].count())


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


def _file(
    head: Sequence[str], lines: Iterator[Sequence[Any]], name: str, kind: str, remarks: Sequence[Sequence[str]] = ()
) -> HttpResponseBase:
    rows = _safe(head, lines)
    answer: HttpResponseBase = _csv(rows, remarks) if kind == "csv" else FileResponse(_xlsx(rows, name, remarks))
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


def _xlsx(rows: Iterator[list[str]], name: str, remarks: Sequence[Sequence[str]]) -> Any:
    # Local: openpyxl takes a tenth of a second to import, which no other page needs.
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    page = book.create_sheet(name[:31])
    for number, row in enumerate(rows):
        if number > MOST_XLSX_ROWS:
            raise TooManyRowsError
        page.append(row)
    if remarks:
        explained = book.create_sheet(_("Explanation"))
        for remark in remarks:
            explained.append(remark)
    file = TemporaryFile()  # noqa: SIM115 (the answer closes it)
    book.save(file)
    file.seek(0)
    return file
