"""OpenDocument spreadsheets, which LibreOffice writes: read as it writes them, and written so that they come back."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from django.test import Client

from config.spreadsheets.reading import files
from config.spreadsheets.writing import ods_writer
from tests.support.back_office.sheets import USERS, apply, counts, exported, ods, ods_cell, upload
from users.models import User


def read(content: bytes) -> list[tuple[int, list[str]]]:
    return [(row.number, row.cells) for row in files.read(content, ()).rows]


def cell(attributes: str, text: str = "") -> str:
    return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"


def test_cells_are_read_by_their_types_and_without_what_only_decorates_them() -> None:
    typed = [
        cell('office:value-type="float" office:value="42"', "42,00 €"),
        cell('office:value-type="date" office:date-value="2026-11-28"', "28.11.26"),
        cell('office:value-type="boolean" office:boolean-value="true"', "WAHR"),
        cell('office:value-type="percentage" office:value="0.5"', "50 %"),
        ods_cell('a<text:s text:c="2"/>b<text:tab/>c\n   <text:span>d<text:line-break/></text:span>e'),
        ods_cell("first</text:p><text:p>second"),
        ods_cell("said<drawing:frame><text:p>drawn</text:p></drawing:frame>").replace(
            "<text:p>", "<office:annotation><text:p>remark</text:p></office:annotation><text:p>", 1
        ),
    ]
    expected = ["42", "2026-11-28", "yes", "0.5", "a  b\tc d\ne", "first\nsecond", "said"]
    assert read(ods(f"<table:table-row>{''.join(typed)}</table:table-row>")) == [(2, expected)]


def test_rows_and_cells_may_be_repeated_grouped_covered_and_blank_to_the_end() -> None:
    rows = "".join(
        [
            '<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>',
            "<table:table-row-group><table:table-row>",
            ods_cell("a", 'table:number-columns-repeated="2"'),
            "<table:covered-table-cell><text:p>hidden</text:p></table:covered-table-cell>",
            ods_cell("b"),
            '<table:table-cell table:number-columns-repeated="16380"/></table:table-row></table:table-row-group>',
            f'<table:table-row table:number-rows-repeated="2">{ods_cell("c")}</table:table-row>',
            '<table:table-row table:number-rows-repeated="1048570"/>',
        ]
    )
    assert read(ods(rows)) == [(5, ["a", "a", "", "b"]), (6, ["c"]), (7, ["c"])]


def test_only_the_first_table_is_read() -> None:
    rows = (
        f"<table:table-row>{ods_cell('a')}<table:table-cell><table:table><table:table-row>{ods_cell('inner')}"
        "</table:table-row></table:table></table:table-cell></table:table-row></table:table>"
        f"<table:table><table:table-row>{ods_cell('second')}</table:table-row>"
    )
    assert read(ods(rows)) == [(2, ["a"])]


def test_what_is_written_is_read_back() -> None:
    texts = ["plain", "a  b", "two\nlines", "tab\tthere", "<b>&\"'", "Ü ß €", "'=1+1", "", "end"]
    content = ods_writer.write([("Sheet <1>", [["email"], texts]), ("Explanation", [["x"]])])
    assert read(content) == [(2, [text if text != "'=1+1" else "=1+1" for text in texts])]


def test_the_file_is_as_the_standard_wants_it() -> None:
    with zipfile.ZipFile(io.BytesIO(ods_writer.write([("People", [["email"], ["a@example.test"]])]))) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert archive.read("mimetype").decode() == ods_writer.MEDIA_TYPE
        for name in ("content.xml", "META-INF/manifest.xml"):
            assert archive.read(name).startswith(b'<?xml version="1.0" encoding="UTF-8"?>')


def test_a_file_is_imported_and_an_export_comes_back_in_unchanged(admin: Client, pat: User) -> None:
    new = "".join(ods_cell(text) for text in ("new.hand@example.test", "New", "Hand"))
    job = upload(admin, USERS, ods(f"<table:table-row>{new}</table:table-row>"), "people.ods")
    assert (job.report["problems"], counts(job)) == ([], (1, 0, 0, 0))
    apply(admin, USERS, job)
    again = upload(admin, USERS, exported(admin, USERS, "ods"), "users.ods")
    assert (again.report["problems"], counts(again)) == ([], (0, 0, User.objects.count(), 0))


def test_the_pages_offer_it(admin: Client) -> None:
    assert 'accept=".csv,.txt,.tsv,.xlsx,.ods"' in admin.get(f"{USERS}import/").content.decode()
    assert "format=ods" in admin.get(f"{USERS}export/").content.decode()
    answer: Any = admin.get(f"{USERS}import-template/?format=ods")
    assert answer["Content-Type"] == ods_writer.MEDIA_TYPE
