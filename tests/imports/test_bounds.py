"""Files made to use up memory and time: each is refused in plain words, and costs no more than any other."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.test import Client

from config.spreadsheets.cells import neutralised, restored
from config.spreadsheets.reading import files
from tests.support.back_office.sheets import USERS, exported, ods, ods_cell, upload, workbook
from users.models import User

pytestmark = pytest.mark.thorough

NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
HEADINGS = "email,first_name,last_name"
MANY = 1_500_000
MB = 1024 * 1024


def sheet(rows: str, before: str = "", after: str = "") -> bytes:
    head = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in HEADINGS.split(","))
    return workbook(
        sheet=f"<worksheet {NAMESPACE}>{before}<sheetData><row>{head}</row>{rows}</sheetData>{after}</worksheet>"
    )


def strings(items: str) -> bytes:
    cells = '<row><c t="s"><v>0</v></c></row>'
    data = f"<worksheet {NAMESPACE}><sheetData>{cells}</sheetData></worksheet>"
    return workbook(sheet=data, strings=f"<sst {NAMESPACE}>{items}</sst>")


def ods_row(cells: str) -> bytes:
    return ods(f"<table:table-row>{cells}</table:table-row>")


#: Each with the words that refuse it.
WORKBOOKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "far-row": (lambda: sheet('<row r="99999999999999"><c><v>1</v></c></row>'), "more than 20,000 rows"),
    "empty-rows": (lambda: sheet("<row/>" * MANY), "larger inside"),
    "empty-cells": (lambda: sheet("<row>" + "<c/>" * MANY + "</row>"), "larger inside"),
    "merged-cells": (
        lambda: sheet("", after="<mergeCells>" + '<mergeCell ref="A1:B2"/>' * 200_000 + "</mergeCells>"),
        "larger inside",
    ),
    "strings": (lambda: strings("<si/>" * MANY), "larger inside"),
    "wide-strings": (lambda: strings(("<si><t>" + "a" * 1_000 + "\U0001f600</t></si>") * 30_000), "larger inside"),
    "one-string-in-many-cells": (
        lambda: workbook(
            sheet=f"<worksheet {NAMESPACE}><sheetData>"
            + ("<row>" + '<c t="s"><v>0</v></c>' * 99 + "</row>") * 5_000
            + "</sheetData></worksheet>",
            strings=f'<sst {NAMESPACE}><si><t xml:space="preserve"> {"a" * 32_000}</t></si></sst>',
        ),
        "larger inside",
    ),
    "long-row": (
        lambda: sheet('<row><c t="inlineStr"><is><t>' + "a" * 40_000 + "</t></is></c></row>"),
        "Row 2 has more than 32,767 characters",
    ),
    "styles": (
        lambda: workbook(styles=f"<styleSheet {NAMESPACE}><cellXfs>{'<xf/>' * 300_000}</cellXfs></styleSheet>"),
        "larger inside",
    ),
    "digits": (lambda: sheet(f"<row><c><v>{'9' * 5_000_000}</v></c></row>"), "damaged"),
    "ods-repeated-row": (
        lambda: ods(f'<table:table-row table:number-rows-repeated="1048576">{ods_cell("a")}</table:table-row>'),
        "more than 20,000 rows",
    ),
    "ods-far-row": (
        lambda: ods(
            '<table:table-row table:number-rows-repeated="99999999999999"/>'
            f"<table:table-row>{ods_cell('a')}</table:table-row>"
        ),
        "more than 20,000 rows",
    ),
    "ods-repeated-cell": (
        lambda: ods_row(ods_cell("a", 'table:number-columns-repeated="16384"')),
        "more than 100 columns",
    ),
    "ods-far-cell": (
        lambda: ods(
            '<table:table-row><table:table-cell table:number-columns-repeated="16383"/>'
            f"{ods_cell('a')}</table:table-row>"
        ),
        "more than 100 columns",
    ),
    "ods-spaces": (lambda: ods_row(ods_cell('a<text:s text:c="99"/>b' * 90_000)), "Row 2 has more than 32,767"),
    "ods-long-cell": (lambda: ods_row(ods_cell("a" * 20_000_000)), "Row 2 has more than 32,767 characters"),
    "ods-deep": (lambda: ods("<text:span>" * 1_000_000 + "</text:span>" * 1_000_000), "larger inside"),
    "ods-digits": (
        lambda: ods(f'<table:table-row table:number-rows-repeated="{"9" * 5_000_000}"/>'),
        "damaged",
    ),
    "ods-number": (
        lambda: ods(
            '<table:table-row><table:table-cell office:value-type="float" '
            f'office:value="{"9" * 5_000_000}"/></table:table-row>'
        ),
        "damaged",
    ),
    "ods-entities": (
        lambda: ods(
            f"<table:table-row>{ods_cell('&amp;b;')}</table:table-row>".replace("&amp;", "&"),
            before='<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        ),
        "damaged",
    ),
    "ods-without-end": (lambda: ods(content=f"<x>{ods_cell('a')}"), "damaged"),
    "ods-text": (lambda: ods(mimetype="application/vnd.oasis.opendocument.text"), "not a spreadsheet"),
    "ods-password": (
        lambda: ods(manifest="<m><manifest:encryption-data/></m>", content=b"\x8a\x01"),
        "The file has a password. Save it without one.",
    ),
    "ods-macros": (lambda: ods(macro="<x/>"), "macros"),
}

CSVS: dict[str, tuple[str, str]] = {
    "long-cell": (f"{HEADINGS}\n" + "a" * 5_000_000, "Row 2 has more than 32,767 characters"),
    "separators": (f"{HEADINGS}\n" + "," * 5_000_000, "Row 2 has more than 32,767 characters"),
    "separators-as-headings": (";" * 5_000_000, "Row 1 has more than 32,767 characters"),
    "blank-lines": (f"{HEADINGS}\n" + "\n" * 5_000_000, "more than 20,000 rows"),
    "open-quote": (f'{HEADINGS}\n"' + "a,b\n" * 1_000_000, "look for a missing quotation mark"),
    "lines-in-cells": (f"{HEADINGS}\n" + '"\n",' * 1_000_000, "Row 2 has more than 32,767 characters"),
    "rare-letter": (f"{HEADINGS}\n" + "\U0001f600" * 1_250_000, "Row 2 has more than 32,767 characters"),
    "headings": (",".join(["a" * 50_000] * 99), "Row 1 has more than 32,767 characters"),
}


@pytest.fixture
def admin(olive: User, client: Client) -> Client:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(olive, backend="django.contrib.auth.backends.ModelBackend")
    return client


def refusal(content: bytes) -> str:
    with pytest.raises(ValidationError) as refused:
        list(files.read(content, HEADINGS.split(",")).rows)
    (message,) = refused.value.messages
    return message


#: Those that need the most memory, and are read once, with an eye to it.
WORST = ("strings", "merged-cells")


@pytest.mark.parametrize("name", [name for name in WORKBOOKS if name not in WORST])
def test_a_workbook_that_would_use_up_memory_or_time_is_refused_in_plain_words(name: str) -> None:
    make, words = WORKBOOKS[name]
    assert words in refusal(make())


@pytest.mark.parametrize("name", WORST)
def test_reading_the_worst_workbook_takes_at_most_150_mb(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, words = WORKBOOKS[name]
    content = make()
    # By way of a small process: a child begins with the most memory that its parent had.
    measure = (
        "import resource, subprocess, sys; "
        "module = 'config.spreadsheets.reading.workbook_reader'; "
        "done = subprocess.run([sys.executable, '-m', module], stdout=subprocess.PIPE, text=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, done.stdout, sep='\\n')"
    )
    command = [sys.executable, "-c", measure]
    measured = subprocess.run(command, cwd=settings.BASE_DIR, input=content, capture_output=True, check=True)
    memory, _newline, answer = measured.stdout.partition(b"\n")
    assert int(memory) < 150 * 1024  # Linux counts in kB
    monkeypatch.setattr(files, "_run_workbook_reader", lambda *_arguments: answer)
    assert words in refusal(content)


def test_a_workbook_that_is_not_read_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_READING_SECONDS", 0.001)
    assert "larger inside" in refusal(workbook())


@pytest.mark.parametrize("name", CSVS)
def test_a_csv_file_that_would_use_up_memory_or_time_is_refused_in_plain_words(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_ROW_NUMBER", 100_000)  # a tenth of what it is: tracemalloc is slow
    text, words = CSVS[name]
    content = text.encode()
    tracemalloc.start()
    try:
        assert words in refusal(content)
        assert tracemalloc.get_traced_memory()[1] < 4 * MB
    finally:
        tracemalloc.stop()


def test_a_refused_file_says_so_on_its_page_and_changes_nothing(admin: Client, nothing_changes: Any) -> None:
    with nothing_changes():
        job = upload(admin, USERS, WORKBOOKS["far-row"][0]())
    assert job.state == "checked"
    page = admin.get(f"{USERS}import/{job.pk}/").content.decode()
    assert "This file cannot be imported. Nothing was changed." in page
    assert "The file has more than 20,000 rows. Split it into several files." in page


def test_styled_rows_down_to_the_last_that_excel_has_are_no_reason_to_refuse_a_file() -> None:
    cells = "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in ("ann@example.test", "Ann", "Ames"))
    content = sheet(f'<row>{cells}</row><row r="1048576" s="1"/>')
    assert [row.cells for row in files.read(content, HEADINGS.split(",")).rows] == [["ann@example.test", "Ann", "Ames"]]


# --- Entities ---------------------------------------------------------------------------------------------------
PADDING = f"<!--{'x' * 5_000}-->"
DOCTYPE = '<!DOCTYPE x [<!ENTITY a "Ann">]>'


ENCODINGS = ("utf-8", "utf-16", "latin-1")


@pytest.mark.drill
@pytest.mark.parametrize(
    ("part", "usual"), [*zip(("sheet", "strings", "styles", "workbook", "rels", "types"), 2 * ENCODINGS, strict=True)]
)
def test_a_doctype_is_refused_in_every_part_wherever_it_comes_and_however_it_is_encoded(
    part: str, usual: str, whole: bool
) -> None:
    """In the short form, each part in one encoding."""
    for encoding in ENCODINGS if whole else (usual,):
        content = f"<?xml version='1.0' encoding='{encoding}'?>{PADDING}{DOCTYPE}<x>&a;</x>".encode(encoding)
        assert refusal(workbook(**{part: content})) == (
            "The file is damaged. Open it, save it again, and try once more."
        )


def test_openpyxl_itself_expands_no_entities() -> None:
    from openpyxl.xml import functions

    assert functions.iterparse.__module__ == "defusedxml.common"
    assert functions.fromstring.__module__ == "defusedxml.common"


# --- Formulas in cells of CSV -----------------------------------------------------------------------------------
INJECTED = [f"Foo{separator}=1+1" for separator in ",;\t|"] + ["Foo; =1+1", "Foo;'=1+1", "Foo\n@SUM(A1)", 'a";=1+1']


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_whatever_a_spreadsheet_program_splits_an_export_at_no_piece_is_a_formula(
    admin: Client, make_user: Any, separator: str
) -> None:
    for number, name in enumerate(INJECTED):
        make_user(f"nasty.n{number}@example.test", last_name=name)
    text = exported(admin, USERS).decode("utf-8-sig")
    for pieces in (csv.reader(io.StringIO(text, newline=""), delimiter=separator), (text.split(separator),)):
        cells = [cell.lstrip(' "') for row in pieces for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_every_cell_of_an_export_is_quoted(admin: Client, pat: User) -> None:
    lines = exported(admin, USERS).decode("utf-8-sig").split("\r\n")[:-1]
    assert lines
    assert all(line.startswith('"') and line.endswith('"') and line.count('","') == 10 for line in lines)


@pytest.mark.parametrize("text", INJECTED)
def test_what_was_neutralised_is_restored(text: str) -> None:
    assert neutralised(text) != text
    assert restored(neutralised(text)) == text


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_of_such_cells_imported_again_changes_nothing(admin: Client, make_user: Any, kind: str) -> None:
    for number, name in enumerate(INJECTED):
        make_user(f"nasty.n{number}@example.test", last_name=name)
    job = upload(admin, USERS, exported(admin, USERS, kind), f"again.{kind}")
    assert (job.report["problems"], job.report["faulty_rows"], job.report["unchanged_rows"]) == (
        [],
        0,
        len(INJECTED) + 1,
    )
