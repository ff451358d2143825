"""No row vanishes: every row of a file is read, or the page says that it was skipped and why."""

from __future__ import annotations

import pytest
from django.test import Client

from config.spreadsheets.reading import files
from tests.support.back_office.sheets import ASSIGNMENTS, USERS, content_of, counts, faults, upload
from tests.support.back_office.sheets import xlsx as xlsx_of
from users.models import User
from warehouses.models import Warehouse

HEADINGS = ["email", "first_name", "last_name"]


def rows_of(content: bytes, known: list[str] = HEADINGS) -> list[tuple[int, list[str]]]:
    return [(row.number, row.cells) for row in files.read(content, known).rows]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("first", ["#N/A", "#tom", "# email", "# a note of mine"])
def test_a_row_whose_first_cell_begins_with_a_number_sign_is_a_row(admin: Client, first: str, kind: str) -> None:
    rows = [HEADINGS, [first, "Tom", "T"], ["ann.ames@example.test", "Ann", "Ames"]]
    content = xlsx_of(*rows) if kind == "xlsx" else "\n".join(",".join(row) for row in rows)
    job = upload(admin, USERS, content)
    assert counts(job) == (1, 0, 0, 1)
    assert {(row, column) for row, column, _reason in faults(job)} == {(2, "email")}


def test_a_warehouse_whose_name_begins_with_a_number_sign_is_assigned(admin: Client, pat: User) -> None:
    Warehouse.objects.create(name="#3 Annex")
    job = upload(admin, ASSIGNMENTS, f"warehouse,email\n#3 Annex,{pat.email}")
    assert (faults(job), counts(job)) == ([], (1, 0, 0, 0))


@pytest.mark.parametrize("value", ["#N/A", "#NV", "#REF!", "#WERT!", "#DIV/0!"])
def test_an_error_that_a_cell_shows_is_a_fault_of_this_cell(admin: Client, value: str) -> None:
    job = upload(admin, USERS, f"email,first_name,last_name\nann.ames@example.test,{value},Ames")
    ((row, column, reason),) = faults(job)
    assert (row, column) == (2, "first_name")
    assert value in reason


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("page", [USERS, ASSIGNMENTS])
def test_the_remarks_of_the_template_are_skipped_in_every_language(
    admin: Client, olive: User, page: str, language: str
) -> None:
    User.objects.filter(pk=olive.pk).update(language="de_DE" if language == "de" else "en_GB")
    template = content_of(admin.get(f"{page}import-template/?format=csv")).decode("utf-8-sig")
    User.objects.filter(pk=olive.pk).update(language="en_GB")
    job = upload(admin, page, template)
    assert job.report["problems"] == []
    assert {row for row, _column, _reason in faults(job)} == {2}  # its example
    remarks = template.count("\n") - 2
    assert job.report["reading"] == f"Rows read: 1. Skipped: remarks of the template: {remarks}."


def test_the_page_says_how_many_rows_were_read_and_skipped(admin: Client) -> None:
    lines = ["# from the staff office", "", "email,first_name,last_name", "", ",,", "a.b@example.test,A,B", "", ""]
    job = upload(admin, USERS, "\n".join(lines))
    assert counts(job) == (1, 0, 0, 0)
    assert job.report["reading"] == "Rows read: 1. Skipped: remarks above the headings: 1, blank rows: 2."
    assert job.report["reading"] in admin.get(f"{USERS}import/{job.pk}/").content.decode()


# --- CSV: the separator ------------------------------------------------------------------------------------------
BEFORE = {
    "blank": "\n",
    "blanks": "\n \n\r\n",
    "separators": "{0}{0}\n",
    "remark": "# exported on 28.11.2026, by hand, for the season\n",
    "quoted-remark": '"# exported on 28.11.2026, by hand"\n',
    "bom": "\ufeff\n",
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_that_of_the_first_filled_line(before: str, separator: str) -> None:
    lines = [HEADINGS, ["ann.ames@example.test", "Ann", "Ames, the elder; or so"]]
    quoted = "\n".join(separator.join(f'"{cell}"' for cell in line) for line in lines)
    above = BEFORE[before].format(separator)
    number = above.count("\n") + 2  # as a spreadsheet program displays it
    assert rows_of((above + quoted).encode()) == [(number, lines[1])]


def test_a_heading_that_begins_with_a_number_sign_is_no_remark() -> None:
    content = b"#;email;first_name\n1;a.b@example.test;A"
    sheet = files.read(content, HEADINGS)
    assert (sheet.headings, [row.cells for row in sheet.rows]) == (
        ["#", "email", "first_name"],
        [["1", "a.b@example.test", "A"]],
    )
