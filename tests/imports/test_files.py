"""Files as people have them: what spreadsheet programs write is understood, what could harm is refused."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from openpyxl import load_workbook

from assignments.models import WarehouseUserAssignment
from config.spreadsheets.models import Import
from config.spreadsheets.writing import exports
from tests.support.back_office.sheets import ASSIGNMENTS, USERS, content_of, counts, exported, faults, upload, xlsx
from users.models import User
from users.roles import AUDITOR, STAFF_MANAGER
from warehouses.models import Warehouse


@pytest.fixture
def admin(olive: User, client: Client) -> Client:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(olive, backend="django.contrib.auth.backends.ModelBackend")
    return client


ROW = ["uwe.ulm@example.test", "Uwe", "Müller"]


@pytest.mark.parametrize(
    "content",
    [
        ("email;first_name;last_name\r\n" + ";".join(ROW)).encode("cp1252"),
        ("\ufeffemail;first_name;last_name\r\n" + ";".join(ROW)).encode(),
        ("email\tfirst_name\tlast_name\r\n" + "\t".join(ROW)).encode("utf-16"),
        ("sep=;\r\nemail;first_name;last_name\r\n" + ";".join(ROW)).encode(),
        ("E-Mail,First name, Nachname \n\n" + " , ".join(ROW) + "\n,,\n").encode(),
        xlsx(["email", "first_name", "last_name"], ROW, [None, None, None]),
    ],
    ids=["cp1252", "utf8-bom", "utf16-tabs", "sep-line", "headings", "xlsx"],
)
def test_files_are_understood_as_spreadsheet_programs_write_them(admin: Client, content: bytes) -> None:
    job = upload(admin, USERS, content)
    assert (faults(job), job.report["problems"]) == ([], [])
    assert job.report["created"][0][2]["last_name"] == "Müller"


def test_types_of_excel_cells_are_understood(admin: Client, pat: User, north: Warehouse) -> None:
    content = xlsx(["email", "warehouse", "active"], [pat.email, "North Dock", True])
    assert upload(admin, ASSIGNMENTS, content).report["created"][0][2]["active"] == "yes"
    Warehouse.objects.create(name="12")
    content = xlsx(["email", "warehouse", "active"], [pat.email, 12, 0.0])
    assert counts(upload(admin, ASSIGNMENTS, content)) == (1, 0, 0, 0)


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * (80 * 1024 * 1024))
    return file.getvalue()


def with_member(name: str, content: bytes = b"x") -> bytes:
    file = io.BytesIO(xlsx(["email"]))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 nonsense", "damaged"),
        (b"\xd0\xcf\x11\xe0 old", "old Excel file"),
        (b"\x00\x01\x02", "neither a CSV file nor a spreadsheet"),
        (b"email;caf\x81\n", "cannot be read"),
        (b"# only a remark\n", "empty"),
        (b"email,first_name,last_name\n", "no rows"),
        (b"email,nickname,email,\nx,y,z,w", "first_name, last_name"),
        (bomb(), "larger inside"),
        (with_member("xl/vbaProject.bin"), "macros"),
        (with_member("xl/x.xml", b'<!DOCTYPE x [<!ENTITY a "b">]>'), "damaged"),
        pytest.param(
            b"email,first_name,last_name\n" + b"a@b.de,A,B\n" * 20_001,
            "more than 20,000 rows",
            marks=pytest.mark.thorough,
        ),
        (b",".join([b"email"] * 101), "more than 100 columns"),
    ],
    ids=["zip", "xls", "nul", "letters", "empty", "no-rows", "columns", "bomb", "macros", "doctype", "rows", "wide"],
)
def test_what_cannot_be_read_is_refused_in_plain_words(
    admin: Client, content: bytes, words: str, nothing_changes: Any
) -> None:
    with nothing_changes():
        job = upload(admin, USERS, content, "any.file")
    assert words in " ".join(job.report["problems"])
    assert b"This file cannot be imported. Nothing was changed." in admin.get(f"{USERS}import/{job.pk}/").content


def test_wrong_columns_are_all_named(admin: Client) -> None:
    job = upload(admin, USERS, "email,nickname,email,\nx,y,z,w")
    assert job.report["problems"][:3] == [
        "These columns are missing: first_name, last_name.",
        "These columns are unknown: nickname. Check their spelling, or remove them.",
        "These columns are there more than once: email.",
    ]


def test_too_large_a_file_is_refused_before_it_is_kept(admin: Client) -> None:
    file = io.BytesIO(b"x" * (5 * 1024 * 1024 + 1))
    file.name = "large.csv"
    answer = admin.post(f"{USERS}import/", {"file": file})
    assert answer.context["form"].errors == {
        "file": ["The file is too large: at most 5 MB. Split it into several files."]
    }
    assert not Import.objects.exists()


# --- Round trip -------------------------------------------------------------------------------------------------
NASTY = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-2",
    "@SUM(A1)",
    "\tTab",
    "'=quoted",
    "'plain",
    " spaced ",
    'a"b;c,d',
    "äöü \x0b x",
]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_exporting_and_importing_again_changes_nothing(
    admin: Client, make_user: Any, kind: str, pat_north: WarehouseUserAssignment, olive: User
) -> None:
    pat_north.activate()
    for number, name in enumerate(NASTY):
        make_user(f"nasty.n{number}@example.test", last_name=name, is_warehouse_user=bool(number % 2))
    make_user("gone.person@example.test", status="deleted")
    olive.groups.set(Group.objects.filter(name__in=[AUDITOR, STAFF_MANAGER]))
    for page, rows in ((USERS, len(NASTY) + 2), (ASSIGNMENTS, 1)):
        job = upload(admin, page, exported(admin, page, kind), f"again.{kind}")
        assert (faults(job), job.report["problems"], counts(job)) == ([], [], (0, 0, rows, 0))


def test_formulas_are_neutralised_in_exports(admin: Client, make_user: Any) -> None:
    for number, name in enumerate(NASTY):
        make_user(f"nasty.n{number}@example.test", last_name=name)
    from_csv = [row[2] for row in csv.reader(io.StringIO(exported(admin, USERS).decode("utf-8-sig"), newline=""))]
    book = load_workbook(io.BytesIO(exported(admin, USERS, "xlsx")))
    from_xlsx = [str(row[2].value) for row in book.active.rows]
    for cells in (from_csv, from_xlsx):
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert not [cell for row in book.active.rows for cell in row if cell.data_type == "f"]


def test_an_export_follows_the_search_of_the_list(admin: Client, pat: User, sam: User) -> None:
    text = exported(admin, USERS, "csv", "q=pat").decode()
    assert "pat.picker" in text
    assert "sam.stacker" not in text
    assert "export/?q=pat" in admin.get(f"{USERS}?q=pat").content.decode()


def test_in_german_csv_has_the_separator_that_german_excel_expects(admin: Client, olive: User, pat: User) -> None:
    User.objects.filter(pk=olive.pk).update(language="de_DE")
    first = exported(admin, USERS).decode("utf-8-sig").splitlines()[0]
    assert first.startswith(
        '"E-Mail";"Vorname";"Nachname";"Lagerbenutzer";"Sprache";"Status";"Rollen";"beschäftigt bis"'
    )


@pytest.mark.parametrize("kind", ["csv", "xlsx", "ods"])
@pytest.mark.parametrize("page", [USERS, ASSIGNMENTS])
def test_the_template_is_read_back_and_only_its_example_is_refused(admin: Client, page: str, kind: str) -> None:
    answer = admin.get(f"{page}import-template/?format={kind}")
    job = upload(admin, page, content_of(answer), f"template.{kind}")
    assert job.report["problems"] == []
    assert {row for row, _column, _reason in faults(job)} == {2}
    assert (2, "email", "This is the example of the template. Write your own people over it.") in faults(job)


@pytest.mark.parametrize("page", [USERS, ASSIGNMENTS])
def test_the_export_page_says_how_many_rows_come_and_offers_excel_only_for_what_it_takes(
    admin: Client, pat_north: WarehouseUserAssignment, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = admin.get(f"{page}export/").content.decode()
    assert ("2 rows." if page == USERS else "1 row.") in text
    assert "format=xlsx" in text
    monkeypatch.setitem(exports.MAX_ROWS, "xlsx", 0)
    text = admin.get(f"{page}export/").content.decode()
    assert "too many for Excel" in text
    assert "format=xlsx" not in text
    assert "format=csv" in text
    monkeypatch.setitem(exports.MAX_ROWS, "csv", 0)
    text = admin.get(f"{page}export/").content.decode()
    assert "too many for a file" in text
    assert "format=csv" not in text


@pytest.mark.parametrize("query", ["is_warehouse_user=maybe", "format=csv&is_warehouse_user=maybe"])
def test_a_filter_that_cannot_be_understood_exports_nothing(admin: Client, query: str) -> None:
    answer = admin.get(f"{USERS}export/?{query}")
    assert (answer.status_code, answer["Location"]) == (302, f"{USERS}?e=1")
