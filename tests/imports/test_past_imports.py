"""The list of past imports: who, when, which file, what came of it, and what it changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.spreadsheets.models import Import
from tests.support.back_office.sheets import ASSIGNMENTS, USERS, apply, upload
from tests.support.cases import each
from users.models import User
from users.roles import ADMINISTRATOR, AUDITOR, STAFF_MANAGER, WAREHOUSE_MANAGER
from warehouses.models import Warehouse

IMPORTS = "/admin/spreadsheets/import/"
PEOPLE = "email,first_name,last_name\nann.ames@example.test,Ann,Ames\nben.bock@example.test,Ben,Bock"


def shown(client: Client, query: str = "") -> list[list[str]]:
    """The text of each cell of the list."""
    rows = re.findall(r"<tr.*?</tr>", client.get(f"{IMPORTS}{query}").content.decode().partition("<tbody")[2], re.S)
    cells = [re.findall(r"<t[dh].*?</t[dh]>", row, re.S) for row in rows]
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in cells if row]


def test_the_list_says_who_imported_which_file_and_what_came_of_it(
    admin: Client, pat: User, north: Warehouse, olive: User
) -> None:
    apply(admin, USERS, upload(admin, USERS, f"{PEOPLE}\n{pat.email},Patricia,Picker", name="season.csv"))
    upload(admin, ASSIGNMENTS, f"email,warehouse\n{pat.email},North Dock\n{pat.email},Nowhere", name="places.csv")
    rows = [[*row[:5], row[-1]] for row in shown(admin)]
    assert rows == [
        ["places.csv", "Assignments", "created: 1, with faults: 1", "Not applied", olive.get_full_name(), ""],
        ["season.csv", "Users", "created: 2, changed: 1", "Applied", olive.get_full_name(), "Changes"],
    ]
    assert [row[0] for row in shown(admin, "?sheet=users.user")] == ["season.csv"]


def test_the_changes_of_an_import_are_those_and_no_others(admin: Client, pat: User, north: Warehouse) -> None:
    before = upload(admin, USERS, f"email,first_name,last_name\n{pat.email},Pat,Other")
    apply(admin, USERS, before)
    job = apply(admin, USERS, upload(admin, USERS, f"{PEOPLE}\n{pat.email},Patricia,Picker"))
    User.objects.filter(pk=pat.pk).update(last_name="Later")
    url = re.findall(
        r'href="(/admin/history/change-set/\?operation=[^"]+)"', admin.get(f"{USERS}import/{job.pk}/").content.decode()
    )
    page = admin.get(url[0])
    assert {(one.label, one.subject) for one in page.context["changes"]} == {
        ("insert", "ann.ames@example.test"),
        ("insert", "ben.bock@example.test"),
        ("update", pat.email),
    }
    assert f'href="{url[0]}"' in admin.get(IMPORTS).content.decode()


@each("operation", ["x", "2026-11-29", "2026-11-29T10:00:00+00:00~", "2026-11-29T10:00:00~abc", "~abc"])
def test_a_broken_address_of_changes_is_no_page(operation: str, admin: Client, pat: User) -> None:
    for page in ("change-set", "undo"):
        assert admin.get(f"/admin/history/{page}/", {"operation": operation}).status_code == 404


# --- Rights -----------------------------------------------------------------------------------------------------
@each(
    ("role", "files"),
    [
        (ADMINISTRATOR, ["places.csv", "people.csv"]),
        (STAFF_MANAGER, ["places.csv", "people.csv"]),
        (WAREHOUSE_MANAGER, ["places.csv"]),
        (AUDITOR, None),
    ],
)
def test_whoever_may_import_a_kind_sees_the_imports_of_that_kind(
    role: str, files: list[str] | None, admin: Client, enter: Callable[..., Client], pat: User, north: Warehouse
) -> None:
    jobs = [
        upload(admin, USERS, PEOPLE),
        upload(admin, ASSIGNMENTS, f"email,warehouse\n{pat.email},North Dock", name="places.csv"),
    ]
    Import.objects.update(person=pat)
    client = enter(role)
    if files is None:
        assert client.get(IMPORTS).status_code == 403
        assert "/admin/spreadsheets/import/" not in client.get("/admin/").content.decode()
        return
    assert [row[0] for row in shown(client)] == files
    pages = [f"{page}import/{job.pk}/" for page, job in zip((USERS, ASSIGNMENTS), jobs, strict=True)]
    assert [client.get(page).status_code for page in pages] == [200 if len(files) == 2 else 403, 200]


def test_anothers_import_can_be_looked_at_and_not_touched(admin: Client, pat: User, nothing_changes: Any) -> None:
    job = upload(admin, USERS, f"{PEOPLE}\nnobody,No,Body")
    Import.objects.filter(pk=job.pk).update(person=pat)
    page = admin.get(f"{USERS}import/{job.pk}/").content.decode()
    assert "Enter a valid email address." in page
    assert "ann.ames@example.test" in page
    assert f"{USERS}import/{job.pk}/apply/" not in page
    assert "multipart/form-data" not in page
    for path in ("progress/", "faults/"):
        assert admin.get(f"{USERS}import/{job.pk}/{path}").status_code == 200
    assert admin.get(f"{USERS}import/{job.pk}/left-out/").status_code == 404
    with nothing_changes():
        for step in ("apply", "again", "read", "ignore", "replace"):
            assert admin.post(f"{USERS}import/{job.pk}/{step}/", {"good_rows": "1"}).status_code == 404


def test_the_list_is_only_read(admin: Client) -> None:
    job = upload(admin, USERS, PEOPLE)
    for path in ("add/", f"{job.pk}/change/", f"{job.pk}/delete/", f"{job.pk}/history/"):
        assert admin.get(IMPORTS + path).status_code == 404


@pytest.mark.parametrize(("language", "words"), [("en_US", "Imports"), ("de_DE", "Importe")])
def test_imports_have_a_place_in_the_menu(admin: Client, olive: User, language: str, words: str) -> None:
    User.objects.filter(pk=olive.pk).update(language=language)
    for path in (IMPORTS, f"{USERS}import/"):
        links = re.findall(rf'<a[^>]*href="{IMPORTS}"[^>]*>.*?</a>', admin.get(path).content.decode(), re.S)
        assert words in links[0]
        assert "active" in links[0]


# --- Cost -------------------------------------------------------------------------------------------------------
def some_imports(person: User, number: int, **fields: Any) -> None:
    shared = {
        "kind": "users.user",
        "person": person,
        "language": "en",
        "file_name": "a.csv",
        "content": b"",
        "state": "applied",
    } | fields
    now = timezone.now()
    Import.objects.bulk_create(
        Import(created_at=now - timedelta(minutes=one), report={"created_rows": 3}, **shared) for one in range(number)
    )


def test_fifty_rows_cost_as_many_queries_as_one(admin: Client, olive: User) -> None:
    def cost(number: int) -> list[str]:
        some_imports(olive, number)
        with CaptureQueriesContext(connection) as queries:
            assert len(shown(admin)) == min(number, 50)
        return [query["sql"] for query in queries]

    one = cost(1)
    Import.objects.all().delete()
    fifty = cost(60)
    assert len(one) == len(fifty) == 4  # session, person; keys, rows
    assert not [sql for sql in fifty if "COUNT(" in sql or '"content"' in sql]


@each("role", [ADMINISTRATOR, WAREHOUSE_MANAGER])
def test_the_newest_are_read_by_an_index(role: str, enter: Callable[..., Client], olive: User) -> None:
    client = enter(role)
    for kind in ("users.user", "assignments.warehouseuserassignment"):
        some_imports(olive, 300, kind=kind)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE spreadsheets_import")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_seqscan = off")
        with CaptureQueriesContext(connection) as queries:
            client.get(IMPORTS)
        keys = next(sql["sql"] for sql in queries if "LIMIT" in sql["sql"] and "spreadsheets_import" in sql["sql"])
        cursor.execute(f"EXPLAIN {keys}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "import_newest" in plan
    assert "Sort" not in plan
