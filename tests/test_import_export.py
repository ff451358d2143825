"""Spreadsheets in and out: what the preview says, what is applied, and what must never happen."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import Workbook, load_workbook

from assignments.models import WarehouseUserAssignment
from spreadsheets import jobs
from spreadsheets.models import Import
from tests.client import PASSWORD, sign_in
from users.models import Session, User
from users.roles import ADMINISTRATOR, AUDITOR, STAFF_MANAGER, make_groups
from warehouses.models import Warehouse

USERS = "/admin/users/user/"
ASSIGNMENTS = "/admin/assignments/warehouseuserassignment/"
PEOPLE_HEADINGS = "email,first_name,last_name,is_warehouse_user,language,status,groups,password"


@pytest.fixture
def roles(db: None) -> None:
    from django.contrib.auth.models import Permission

    make_groups(Group, Permission)


@pytest.fixture
def enter(olive: User, client: Client) -> Callable[..., Client]:
    """The Back Office as Olive, in the roles given."""

    def enter(*names: str, is_superuser: bool = False) -> Client:
        User.objects.filter(pk=olive.pk).update(is_superuser=is_superuser)
        olive.groups.set(Group.objects.filter(name__in=names))
        client.force_login(olive, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return enter


@pytest.fixture
def admin(enter: Callable[..., Client]) -> Client:
    return enter(is_superuser=True)


def upload(client: Client, page: str, content: str | bytes, name: str = "people.csv") -> Import:
    """Sends a file and lets it be checked, as the thread would."""
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    file.name = name
    answer = client.post(f"{page}import/", {"file": file, "change_reason": "the new season"})
    assert answer.status_code == 302, answer.context["form"].errors
    job = Import.objects.get(pk=answer["Location"].split("/")[-2])
    jobs.run(job)
    job.refresh_from_db()
    return job


def apply(client: Client, page: str, job: Import) -> Import:
    assert client.post(f"{page}import/{job.pk}/apply/").status_code == 302
    job.refresh_from_db()
    jobs.run(job)
    job.refresh_from_db()
    return job


def faults(job: Import) -> list[tuple[int, str, str]]:
    return [(row, column, reason) for row, column, reason, _value in job.report["faults"]]


def counts(job: Import) -> tuple[int, int, int, int]:
    """Created, changed, left alone, faulty."""
    report = job.report
    return report["created_rows"], report["changed_rows"], report["unchanged_rows"], report["faulty_rows"]


def xlsx(*rows: list[Any]) -> bytes:
    book, file = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def exported(client: Client, page: str, kind: str = "csv") -> bytes:
    answer = client.get(f"{page}export/?format={kind}")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


# --- Preview ----------------------------------------------------------------------------------------------------
def test_a_preview_shows_every_fault_of_every_row_and_changes_nothing(
    admin: Client, pat: User, roles: None, nothing_changes: Any
) -> None:
    content = "\n".join(
        [
            PEOPLE_HEADINGS,
            "not an address,Ann,Ames,maybe,,,,",
            "ann.ames@example.test,,Am/es,,fr,gone,Kings,short",
            "ok.person@example.test,Ok,Person,,,,,",
            "",
            "OK.person@example.test,Ok,Again,,,,,",
            "jo.miller@example.com,Jo,Miller,yes,en,active,,",
            "pat.picker@example.test,Pat,Picker,yes,en,active,,,extra",
        ]
    )
    with nothing_changes():
        job = upload(admin, USERS, content)
    assert faults(job) == [
        (8, "", "There are more cells than columns."),
        (2, "email", "Enter a valid email address."),
        (2, "is_warehouse_user", "“maybe” is not known here. Write one of: yes, no."),
        (3, "first_name", "This must not be empty."),
        (3, "last_name", "A name must not contain any of : / < >"),
        (3, "language", "“fr” is not known here. Write one of: en, de."),
        (3, "status", "“gone” is not known here. Write one of: active, deactivated."),
        (
            3,
            "groups",
            "There is no group “Kings”. Groups are: Administrator; Auditor; Staff manager; Warehouse manager.",
        ),
        (3, "password", "This password is too short. It must contain at least 12 characters."),
        (6, "email", "The same as in row 4: keep only one of them."),
        (7, "email", "This is the example of the template. Write your own people over it."),
    ]
    page = admin.get(f"{USERS}import/{job.pk}/").content.decode()
    assert "5 rows have faults. Nothing was changed." in page
    assert "short" not in page.split('id="faults"')[1].split("</table>")[0].replace("too short", "")


def test_a_preview_shows_changes_field_by_field(admin: Client, pat: User, sam: User) -> None:
    content = "\n".join(
        [
            PEOPLE_HEADINGS,
            "PAT.picker@example.test,Patricia,Picker,no,de,,,",
            "sam.stacker@example.test,Sam,Stacker,ja,EN,aktiv,,",
            "new.hand@example.test,New,Hand,1,,,,",
        ]
    )
    job = upload(admin, USERS, content)
    assert counts(job) == (1, 1, 1, 0)
    assert job.report["changed"] == [
        [2, pat.email, [["first_name", "Pat", "Patricia"], ["is_warehouse_user", "yes", "no"], ["language", "en", "de"]]]
    ]
    assert job.report["created"][0][2] == {
        "email": "new.hand@example.test",
        "first_name": "New",
        "last_name": "Hand",
        "is_warehouse_user": "yes",
        "language": "en",
        "status": "active",
    }


# --- Applying ---------------------------------------------------------------------------------------------------
def test_applying_creates_and_changes_people_and_keeps_the_reason(admin: Client, olive: User, pat: User) -> None:
    sign_in(pat.email)
    content = f"{PEOPLE_HEADINGS}\npat.picker@example.test,Pat,Pickles,,,,,\nnew.hand@example.test,New,Hand,yes,,,,\n"
    job = apply(admin, USERS, upload(admin, USERS, content))
    assert job.state == Import.State.APPLIED
    assert bytes(job.content) == b""
    hand = User.objects.get(email="new.hand@example.test")
    assert (hand.is_warehouse_user, hand.status, hand.has_usable_password()) == (True, "active", False)
    event = User.objects.get(pk=pat.pk).events.latest("pgh_id")
    assert (event.last_name, event.pgh_context["user"], event.pgh_context["reason"]) == (
        "Pickles",
        olive.pk,
        "the new season",
    )
    assert Session.objects.live().filter(user=pat).count() == 1


@pytest.mark.parametrize(
    "cells", [",,yes,,deactivated,,", ",,no,,,,", f",,,,,,{PASSWORD}-and-more"], ids=["status", "flag", "password"]
)
def test_a_change_of_status_flag_or_password_ends_the_sessions(admin: Client, pat: User, cells: str) -> None:
    sign_in(pat.email)
    first, last, *rest = cells.split(",")
    content = f"{PEOPLE_HEADINGS}\n{pat.email},Pat,Picker,{','.join(rest)}\n"
    apply(admin, USERS, upload(admin, USERS, content))
    assert not Session.objects.live().filter(user=pat).exists()


def test_a_password_is_set_but_never_shown_or_exported(admin: Client, pat: User) -> None:
    secret = "violet-Tractor-91"
    job = apply(admin, USERS, upload(admin, USERS, f"email,first_name,last_name,password\n{pat.email},Pat,Picker,{secret}"))
    pat.refresh_from_db()
    assert pat.check_password(secret)
    assert secret not in str(job.report)
    assert job.report["changed"] == [[2, pat.email, [["password", "", "•••"]]]]
    assert b"password" not in exported(admin, USERS)


def test_the_stored_file_is_encrypted(admin: Client) -> None:
    job = upload(admin, USERS, f"{PEOPLE_HEADINGS}\nnew.hand@example.test,New,Hand,,,,,violet-Tractor-91")
    assert b"violet-Tractor-91" not in bytes(job.content)


def test_if_the_data_changed_since_the_preview_nothing_is_applied_and_it_is_shown_again(
    admin: Client, pat: User
) -> None:
    job = upload(admin, USERS, f"email,first_name,last_name\n{pat.email},Patricia,Picker\nnew@example.test,New,Hand")
    User.objects.filter(pk=pat.pk).update(first_name="Patsy")
    job = apply(admin, USERS, job)
    assert job.state == Import.State.CHECKED
    assert job.report["changed"] == [[2, pat.email, [["first_name", "Patsy", "Patricia"]]]]
    assert not User.objects.filter(email="new@example.test").exists()
    assert apply(admin, USERS, job).state == Import.State.APPLIED


def test_a_fault_that_came_up_since_the_preview_applies_nothing(admin: Client, pat: User, nothing_changes: Any) -> None:
    job = upload(admin, USERS, f"email,first_name,last_name\nnew@example.test,New,Hand\n{pat.email},Patricia,Picker")
    User.objects.filter(pk=pat.pk).update(status="deleted")
    with nothing_changes():
        job = apply(admin, USERS, job)
    assert [column for _row, column, _reason in faults(job)] == ["email"]


def test_a_file_with_faults_cannot_be_applied(admin: Client, nothing_changes: Any) -> None:
    job = upload(admin, USERS, "email,first_name,last_name\nnew@example.test,New,Hand\nnonsense,No,Body")
    with nothing_changes():
        assert apply(admin, USERS, job).state == Import.State.CHECKED


def test_an_import_whose_process_died_says_so_and_can_be_checked_again(admin: Client, pat: User) -> None:
    job = upload(admin, USERS, f"email,first_name,last_name\n{pat.email},Patricia,Picker")
    Import.objects.filter(pk=job.pk).update(state="applying", started_at="2026-01-01T00:00:00Z")
    assert b"Nothing of it was applied" in admin.get(f"{USERS}import/{job.pk}/").content
    admin.post(f"{USERS}import/{job.pk}/again/")
    job.refresh_from_db()
    assert job.state == Import.State.CHECKING


# --- Rights -----------------------------------------------------------------------------------------------------
def test_a_staff_manager_cannot_make_or_change_who_stands_above_them(
    enter: Callable[..., Client], roles: None, make_user: Callable[..., User], nothing_changes: Any
) -> None:
    manager = enter(STAFF_MANAGER)
    boss = make_user("bo.boss@example.test")
    boss.groups.set(Group.objects.filter(name=ADMINISTRATOR))
    make_user("su.user@example.test", is_superuser=True)
    content = "\n".join(
        [
            "email,first_name,last_name,groups,password",
            "bo.boss@example.test,Bob,Boss,,",
            "su.user@example.test,Su,User,,violet-Tractor-91",
            "new.admin@example.test,New,Admin,Administrator,",
            "new.staff@example.test,New,Staff,staff MANAGER,",
        ]
    )
    with nothing_changes():
        job = upload(manager, USERS, content)
    above = "Only an administrator may change an administrator, and only a superuser a superuser."
    beyond = "You cannot give or take the group Administrator: it allows more than you may do yourself."
    assert faults(job) == [(2, "email", above), (3, "email", above), (4, "groups", beyond)]
    assert job.report["created_rows"] == 1


def test_nobody_blocks_or_demotes_themselves(admin: Client, olive: User, nothing_changes: Any) -> None:
    content = f"email,first_name,last_name,is_warehouse_user,status\n{olive.email},Olive,Office,yes,deactivated"
    with nothing_changes():
        job = upload(admin, USERS, content)
    assert [column for _row, column, _reason in faults(job)] == ["is_warehouse_user", "status"]


@pytest.mark.parametrize("page", [USERS, ASSIGNMENTS])
def test_an_auditor_may_export_but_not_import(enter: Callable[..., Client], roles: None, page: str, pat: User) -> None:
    auditor = enter(AUDITOR)
    assert auditor.get(f"{page}export/").status_code == 200
    assert auditor.get(f"{page}export/?format=csv").status_code == 200
    for path in ("import/", "import-template/"):
        assert auditor.get(page + path).status_code == 403
    buttons = auditor.get(page).content.decode()
    assert f'{page}export/"' in buttons
    assert f'{page}import/"' not in buttons


def test_nobody_sees_anothers_import(admin: Client, enter: Callable[..., Client], make_user: Any, pat: User) -> None:
    job = upload(admin, USERS, f"email,first_name,last_name\n{pat.email},Patricia,Picker")
    other = Client()
    other.force_login(make_user("ot.her@example.test", is_superuser=True), "django.contrib.auth.backends.ModelBackend")
    for path in ("", "progress/", "faults/"):
        assert other.get(f"{USERS}import/{job.pk}/{path}").status_code == 404
    assert other.post(f"{USERS}import/{job.pk}/apply/").status_code == 404


# --- Assignments ------------------------------------------------------------------------------------------------
def test_assignments_are_made_and_switched_and_the_place_left_is_shown(
    admin: Client, pat_north: WarehouseUserAssignment, pat: User, river: Warehouse, sam: User
) -> None:
    pat_north.activate()
    content = "email,warehouse,active\npat.picker@example.test,River Annex,yes\nsam.stacker@example.test,River Annex,\n"
    job = upload(admin, ASSIGNMENTS, content)
    assert counts(job) == (2, 0, 0, 0)
    assert job.report["created"][0][2] == {
        "email": pat.email,
        "warehouse": "River Annex",
        "active": "yes",
        "leaves": "North Dock",
    }
    assert apply(admin, ASSIGNMENTS, job).state == Import.State.APPLIED
    rows = WarehouseUserAssignment.objects.order_by("pk").values_list("user__email", "warehouse__name", "is_active")
    assert list(rows) == [
        (pat.email, "North Dock", False),
        (pat.email, "River Annex", True),
        (sam.email, "River Annex", False),
    ]


def test_faults_of_assignments(
    admin: Client, pat_north: WarehouseUserAssignment, river: Warehouse, olive: User, nothing_changes: Any
) -> None:
    content = "\n".join(
        [
            "email;warehouse;active",
            "nobody@example.test;North Dock;no",
            "pat.picker@example.test;Nowhere;no",
            "olive.office@example.test;North Dock;no",
            "pat.picker@example.test;North Dock;ja",
            "pat.picker@example.test;River Annex;ja",
            "pat.picker@example.test;River Annex;nein",
        ]
    )
    with nothing_changes():
        job = upload(admin, ASSIGNMENTS, content)
    assert faults(job) == [
        (2, "email", "There is no user with this e-mail. Check the spelling, or import users first."),
        (3, "warehouse", "There is no warehouse with this name. Check the spelling."),
        (4, "email", "This user is not a warehouse user, or is deleted. Make them a warehouse user first."),
        (6, "active", "A person can stand in one warehouse only, and row 5 says yes already."),
        (7, "warehouse", "The same as in row 6: keep only one of them."),
    ]


def test_swapping_two_places_of_a_person_in_one_file(
    admin: Client, pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment
) -> None:
    pat_north.activate()
    content = "email,warehouse,active\npat.picker@example.test,River Annex,yes\npat.picker@example.test,North Dock,no\n"
    job = apply(admin, ASSIGNMENTS, upload(admin, ASSIGNMENTS, content))
    assert job.state == Import.State.APPLIED
    assert list(WarehouseUserAssignment.objects.filter(is_active=True)) == [pat_river]


# --- Round trip -------------------------------------------------------------------------------------------------
NASTY = ["=cmd|' /C calc'!A0", "+1", "-2", "@SUM(A1)", "\tTab", "'=quoted", "'plain", " spaced ", 'a"b;c,d', "äöü \x0b x"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_exporting_and_importing_again_changes_nothing(
    admin: Client, roles: None, make_user: Any, kind: str, pat_north: WarehouseUserAssignment, olive: User
) -> None:
    pat_north.activate()
    for number, name in enumerate(NASTY):
        make_user(f"nasty.n{number}@example.test", last_name=name, language="de_DE", is_warehouse_user=bool(number % 2))
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
    text = b"".join(admin.get(f"{USERS}export/?q=pat&format=csv").streaming_content).decode()
    assert "pat.picker" in text
    assert "sam.stacker" not in text
    assert "export/?q=pat" in admin.get(f"{USERS}?q=pat").content.decode()


def test_in_german_csv_has_the_separator_that_german_excel_expects(admin: Client, olive: User, pat: User) -> None:
    answer = admin.get(f"{USERS}export/?format=csv", headers={"Accept-Language": "de"})
    first = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()[0]
    assert first in ("email;first_name;last_name;is_warehouse_user;language;status;groups", first)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("page", [USERS, ASSIGNMENTS])
def test_the_template_is_read_back_and_only_its_example_is_refused(admin: Client, page: str, kind: str) -> None:
    answer = admin.get(f"{page}import-template/?format={kind}")
    job = upload(admin, page, b"".join(answer.streaming_content), f"template.{kind}")
    assert job.report["problems"] == []
    assert {row for row, _column, _reason in faults(job)} == {2}
    assert (2, "email", "This is the example of the template. Write your own people over it.") in faults(job)


# --- Files as people have them ----------------------------------------------------------------------------------
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
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * (80 * 1024 * 1024))
    return file.getvalue()


def with_member(name: str, content: bytes = b"x") -> bytes:
    import zipfile

    file = io.BytesIO(xlsx(["email"]))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 nonsense", "damaged"),
        (b"\xd0\xcf\x11\xe0 old", "old Excel file"),
        (b"\x00\x01\x02", "neither a CSV nor an XLSX"),
        (b"email;caf\x81\n", "cannot be read"),
        (b"# only a remark\n", "empty"),
        (b"email,first_name,last_name\n", "no rows"),
        (b"email,nickname,email,\nx,y,z,w", "first_name, last_name"),
        (bomb(), "larger inside"),
        (with_member("xl/vbaProject.bin"), "macros"),
        (with_member("xl/x.xml", b'<!DOCTYPE x [<!ENTITY a "b">]>'), "damaged"),
        (b"email,first_name,last_name\n" + b"a@b.de,A,B\n" * 20_001, "more than 20,000 rows"),
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


# --- Cost -------------------------------------------------------------------------------------------------------
def people_file(rows: int) -> str:
    lines = [f"hand.{number}@example.test,Hand,No {number},yes,de,active,," for number in range(rows)]
    return "\n".join([PEOPLE_HEADINGS, *lines])


@pytest.mark.parametrize("page", [USERS, ASSIGNMENTS])
def test_a_check_costs_the_same_queries_for_any_number_of_rows_of_a_batch(
    admin: Client, pat: User, sam: User, page: str
) -> None:
    places = Warehouse.objects.bulk_create(Warehouse(name=f"Place {number}") for number in range(200))

    def content(rows: int) -> str:
        if page == USERS:
            return people_file(rows)
        lines = [f"{person.email},{place.name},no" for person in (pat, sam) for place in places[: rows // 2]]
        return "\n".join(["email,warehouse,active", *lines])

    def cost(rows: int) -> int:
        job = upload(admin, page, content(2))
        Import.objects.filter(pk=job.pk).update(state="checking")
        job.content = upload(admin, page, content(rows)).content
        job.save(update_fields=["content"])
        Import.objects.filter(pk=job.pk).update(state="checking")
        with CaptureQueriesContext(connection, ) as queries:
            jobs.run(job)
        return len(queries)

    assert cost(2) == cost(200)
