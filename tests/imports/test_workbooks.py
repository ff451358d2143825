"""Workbooks as programs write them: their sheets, cells and dialects. What a workbook says about itself is a claim."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from openpyxl import Workbook

from config.spreadsheets.reading import files
from config.spreadsheets.reading.tables import UNCOMPUTED
from tests.support.back_office.sheets import (
    USERS,
    counts,
    exported,
    faults,
    member,
    ods,
    ods_cell,
    ods_with,
    saved,
    upload,
    workbook,
    xlsx_with,
)
from tests.support.back_office.sheets import xlsx as xlsx_of

HEADINGS = ["email", "first_name", "last_name"]
PERSON = ["ann.ames@example.test", "Ann", "Ames"]
NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def rows_of(content: bytes) -> list[tuple[int, list[str]]]:
    return [(row.number, row.cells) for row in files.read(content, HEADINGS).rows]


def refusal(content: bytes) -> str:
    with pytest.raises(ValidationError) as refused:
        files.read(content, HEADINGS)
    (message,) = refused.value.messages
    return message


def renamed(content: bytes, names: dict[str, str] | None = None, texts: dict[str, str] | None = None) -> bytes:
    """The file with other names of its members, and other texts in them."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            for before, after in (texts or {}).items():
                text = text.replace(before, after)
            new.writestr((names or {}).get(name, name), text)
    return file.getvalue()


def cells(*inner: str) -> bytes:
    """A workbook whose second row has these cells as XML."""
    head = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in HEADINGS)
    data = f"<row>{head}</row><row>{''.join(inner)}</row>"
    return workbook(sheet=f'<worksheet xmlns="{NAMESPACE}"><sheetData>{data}</sheetData></worksheet>')


def text_cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


# --- Sheets -------------------------------------------------------------------------------------------------------
MAKERS = pytest.mark.parametrize("make", [xlsx_with, ods_with])


@MAKERS
def test_hidden_sheets_are_skipped_and_the_sheet_that_was_read_is_named(admin: Client, make: Any) -> None:
    old = ("Old", "hidden", [HEADINGS, ["old.one@example.test", "Old", "One"]])
    job = upload(admin, USERS, make(old, ("People", "visible", [HEADINGS, PERSON])))
    assert [row[2]["email"] for row in job.report["created"]] == [PERSON[0]]
    assert job.report["reading"] == "Rows read: 1, from the sheet “People”."
    assert job.report["notes"] == ["Hidden sheets were not read: “Old”."]


@MAKERS
def test_another_sheet_may_be_of_any_size(make: Any) -> None:
    wide = ("Wide", "visible", [["x"] * 200])
    assert rows_of(make(("People", "visible", [HEADINGS, PERSON]), wide)) == [(2, PERSON)]
    assert rows_of(make(wide, ("People", "visible", [HEADINGS, PERSON]))) == [(2, PERSON)]


@MAKERS
def test_headings_may_begin_with_a_number_sign_and_remarks_are_above_them(make: Any) -> None:
    headings, person = ["#", *HEADINGS], ["#1", *PERSON]
    cover = ("Cover", "visible", [["Read me"]])
    content = make(cover, ("People", "visible", [["# of the season"], headings, person]))
    assert rows_of(content) == [(3, person)]


# --- Cells --------------------------------------------------------------------------------------------------------
def test_the_value_of_merged_cells_counts_for_each_row() -> None:
    book = Workbook()
    for row in (HEADINGS, PERSON, ["b.b@example.test"], ["c.c@example.test", "Cy"], ["d.d@example.test", "Di"]):
        book.active.append(row)
    book.active.merge_cells("C2:C4")
    spanned = "".join(map(ods_cell, PERSON[:2])) + ods_cell(PERSON[2], 'table:number-rows-spanned="3"')
    covered = "<table:covered-table-cell/>"
    for inner in (
        ods_cell("b.b@example.test") + "<table:table-cell/>" + covered,
        ods_cell("c.c@example.test") + ods_cell("Cy") + covered,
        ods_cell("d.d@example.test") + ods_cell("Di"),
    ):
        spanned += f"</table:table-row><table:table-row>{inner}"
    for content in (saved(book), ods(f"<table:table-row>{spanned}</table:table-row>")):
        sheet = files.read(content, HEADINGS)
        assert [row.cells for row in sheet.rows] == [
            PERSON,
            ["b.b@example.test", "", "Ames"],
            ["c.c@example.test", "Cy", "Ames"],
            ["d.d@example.test", "Di"],
        ]
        assert [note.partition(":")[0] for note in sheet.notes] == ["There are merged cells"]


def test_a_formula_without_a_stored_result_is_a_fault_of_its_cell(admin: Client) -> None:
    only_email = cells('<c r="A2"><f>A1</f></c>')
    formula = '<table:table-cell table:formula="of:=[.A1]"/>'
    for content in (
        cells(text_cell(PERSON[0]), text_cell("Ann"), "<c><f>A1</f></c>"),
        cells(text_cell(PERSON[0]), text_cell("Ann"), "<c><f>A1</f><v/></c>"),
        ods(f"<table:table-row>{ods_cell(PERSON[0])}{ods_cell('Ann')}{formula}</table:table-row>"),
        only_email,
    ):
        job = upload(admin, USERS, content)
        assert counts(job) == (0, 0, 0, 1)
        row, column, reason = faults(job)[0]
        assert (row, column) == (2, "email" if content == only_email else "last_name")
        assert "save the file once in Excel or LibreOffice" in reason
        assert UNCOMPUTED not in str(job.fault_pages.get().faults)


def test_results_of_formulas_are_read_and_may_be_an_empty_text() -> None:
    content = cells('<c t="str"><f>A1</f><v>a</v></c>', '<c t="str"><f>""</f><v></v></c>', "<c><f>2+3</f><v>5</v></c>")
    assert rows_of(content) == [(2, ["a", "", "5"])]
    number = '<table:table-cell table:formula="of:=2+3" office:value-type="float" office:value="5"/>'
    empty = '<table:table-cell table:formula="of:=&quot;&quot;"><text:p/></table:table-cell>'
    assert rows_of(ods(f"<table:table-row>{ods_cell('a')}{empty}{number}</table:table-row>")) == [(2, ["a", "", "5"])]


def test_errors_are_read_as_they_are_displayed() -> None:
    assert rows_of(cells('<c t="e"><f>NA()</f><v>#N/A</v></c>')) == [(2, ["#N/A"])]
    error = (
        '<table:table-cell table:formula="of:=NA()" office:value-type="string" office:string-value="" '
        'drawing:value-type="error"><text:p>#N/A</text:p></table:table-cell>'
    )
    assert rows_of(ods(f"<table:table-row>{error}</table:table-row>")) == [(2, ["#N/A"])]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("a_x000D_\nb", "a\r\nb"),
        ("a_x0009_b", "a\tb"),
        ("_x005F_x000D_", "_x000D_"),
        ("a_x0000_b_xD800_", "a\ufffdb\ufffd"),
        ("x_xyz_x12", "x_xyz_x12"),
    ],
)
def test_escaped_characters_are_decoded(written: str, text: str) -> None:
    shared = workbook(
        sheet=f'<worksheet xmlns="{NAMESPACE}"><sheetData><row><c t="inlineStr"><is><t>email</t></is></c></row>'
        '<row><c t="s"><v>0</v></c></row></sheetData></worksheet>',
        strings=f'<sst xmlns="{NAMESPACE}"><si><r><t>{written}</t></r><rPh><t>not this</t></rPh></si></sst>',
    )
    assert rows_of(shared) == [(2, [text])]
    assert rows_of(cells(text_cell(written))) == [(2, [text])]


def test_a_text_that_looks_escaped_comes_back_from_an_export(admin: Client, make_user: Any) -> None:
    make_user("nasty.n@example.test", last_name="a_x000D_b_x005F_c")
    job = upload(admin, USERS, exported(admin, USERS, "xlsx"), "again.xlsx")
    assert (faults(job), counts(job)) == ([], (0, 0, 2, 0))


def test_dates_and_numbers_are_read_by_their_types() -> None:
    book = Workbook()
    book.active.append(HEADINGS)
    book.active.append([46354, 46354.5, 491701234567890])
    book.active["A2"].number_format = "[$-407]dd.mm.yyyy;@"
    book.active["B2"].number_format = "yyyy-mm-dd hh:mm"
    book.active["C2"].number_format = '0" days"'
    assert rows_of(saved(book)) == [(2, ["2026-11-28", "2026-11-28T12:00:00", "491701234567890"])]


# --- Dialects -----------------------------------------------------------------------------------------------------
def test_strict_office_open_xml_is_read() -> None:
    strict = {
        NAMESPACE: "http://purl.oclc.org/ooxml/spreadsheetml/main",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships": (
            "http://purl.oclc.org/ooxml/officeDocument/relationships"
        ),
    }
    assert rows_of(renamed(xlsx_of(HEADINGS, PERSON), texts=strict)) == [(2, PERSON)]
    assert rows_of(renamed(cells('<c t="d"><v>2026-11-28T00:00:00</v></c>'), texts=strict)) == [(2, ["2026-11-28"])]


def test_parts_may_have_other_names_and_letter_case() -> None:
    content = xlsx_of(HEADINGS, PERSON)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
    assert rows_of(renamed(content, {name: name.upper() for name in names})) == [(2, PERSON)]
    assert rows_of(renamed(content, {name: name.replace("/", "\\") for name in names})) == [(2, PERSON)]
    other = {"xl/workbook.xml": "data/book.xml", "xl/_rels/workbook.xml.rels": "data/_rels/book.xml.rels"}
    assert rows_of(renamed(content, other, {"xl/workbook.xml": "data/book.xml"})) == [(2, PERSON)]


def test_what_cannot_be_read_is_called_damaged_only_if_it_is() -> None:
    content = xlsx_of(HEADINGS, PERSON)
    assert "another Excel format" in refusal(renamed(content, texts={NAMESPACE: "http://example.test/other"}))
    assert ".xlsb" in refusal(
        renamed(content, {"xl/workbook.xml": "xl/workbook.bin"}, {"xl/workbook.xml": "xl/workbook.bin"})
    )
    assert "not a spreadsheet" in refusal(
        renamed(content, texts={"<workbook": "<document", "/workbook>": "/document>"})
    )
    assert "damaged" in refusal(workbook(sheet=member(content, "xl/worksheets/sheet1.xml")[:-40]))
    for text in (
        "<?xml version='1.0'?><Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet'/>",
        "\ufeff<html><table><tr><td>email</td></tr></table></html>",
        "MIME-Version: 1.0\nX: y",
    ):
        assert "another Excel format" in refusal(text.encode())


# --- What a workbook says about itself -----------------------------------------------------------------------------
def test_rows_beyond_the_stated_size_are_read() -> None:
    people = [[f"a.b{number}@example.test", "A", "B"] for number in range(5)]
    sheet = member(xlsx_of(HEADINGS, *people), "xl/worksheets/sheet1.xml")
    assert '<dimension ref="A1:C6"' in sheet
    for claim in ("A1", "A1:B2", "C3:C3", "nonsense", "A1:XFD1048576"):
        content = workbook(sheet=sheet.replace("A1:C6", claim))
        assert [cells for _number, cells in rows_of(content)] == people


def test_the_active_sheet_is_only_a_claim() -> None:
    book = Workbook()
    for row in (HEADINGS, ["a.b@example.test", "A", "B"]):
        book.active.append(row)
    book.create_sheet("Notes").append(["anything"])
    book.active = 1
    assert rows_of(saved(book)) == [(2, ["a.b@example.test", "A", "B"])]


@pytest.mark.parametrize("numbers", [(2, 2, 2), (9, 3, 1), (None, None, None)])
def test_rows_with_wrong_numbers_are_all_read(numbers: Any) -> None:
    def row(number: Any, cells: list[str]) -> str:
        inner = "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in cells)
        return f"<row{f' r={chr(34)}{number}{chr(34)}' if number else ''}>{inner}</row>"

    people = [[f"a.b{number}@example.test", "A", "B"] for number in range(3)]
    data = row(1, HEADINGS) + "".join(row(number, cells) for number, cells in zip(numbers, people, strict=True))
    content = workbook(sheet=f'<worksheet xmlns="{NAMESPACE}"><sheetData>{data}</sheetData></worksheet>')
    found = rows_of(content)
    assert [cells for _number, cells in found] == people
    assert len({number for number, _cells in found}) == 3
