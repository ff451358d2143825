"""One sheet for people and their warehouses: it creates, changes and assigns, and takes nothing away."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from assignments.models import WarehouseUserAssignment
from config.spreadsheets.jobs import worker
from config.spreadsheets.models import Import
from tests.support.back_office.sheets import (
    USERS,
    apply,
    build,
    content_of,
    counts,
    faults,
    upload,
)
from tests.support.cases import each
from users.models import User
from users.roles import AUDITOR, STAFF_MANAGER, WAREHOUSE_MANAGER
from warehouses.models import Warehouse

SHEET = "?sheet=warehouses"
HEADINGS = "email,first_name,last_name,is_warehouse_user,warehouses,works_in"


def upload_people(client: Client, *lines: str, headings: str = HEADINGS) -> Import:
    return upload(client, USERS, "\n".join([headings, *lines]), sheet=SHEET)


def rows() -> list[tuple[str, str, bool]]:
    """Who is assigned where, and whether they work there."""
    found = WarehouseUserAssignment.objects.order_by("user__email", "warehouse__name")
    return list(found.values_list("user__email", "warehouse__name", "is_active"))


def test_people_are_created_and_assigned_by_one_file(
    admin: Client, pat_north: WarehouseUserAssignment, river: Warehouse, nothing_changes: Any
) -> None:
    pat_north.activate()
    with nothing_changes():
        job = upload_people(
            admin,
            'new.hand@example.test,New,Hand,yes,"River Annex; north dock\nRiver Annex",North Dock',
            "other.hand@example.test,Other,Hand,yes,,river annex",
            "office.hand@example.test,Office,Hand,no,,",
            "pat.picker@example.test,Patricia,Picker,,River Annex,",
        )
    assert (job.report["problems"], faults(job), counts(job)) == ([], [], (3, 1, 0, 0))
    assert job.report["created"][0][2] | {} == {
        "email": "new.hand@example.test",
        "first_name": "New",
        "last_name": "Hand",
        "is_warehouse_user": "yes",
        "language": "en",
        "status": "active",
        "warehouses": "River Annex; North Dock",
        "works_in": "North Dock",
    }
    assert job.report["changed"] == [
        [5, "pat.picker@example.test", [["first_name", "Pat", "Patricia"], ["warehouses", "", "River Annex"]]]
    ]
    assert apply(admin, USERS, job).state == Import.State.APPLIED
    assert rows() == [
        ("new.hand@example.test", "North Dock", True),
        ("new.hand@example.test", "River Annex", False),
        ("other.hand@example.test", "River Annex", True),
        ("pat.picker@example.test", "North Dock", True),
        ("pat.picker@example.test", "River Annex", False),
    ]


def test_the_current_warehouse_is_changed_and_nothing_is_taken_away(
    admin: Client, pat_north: WarehouseUserAssignment, river: Warehouse, sam: User
) -> None:
    pat_north.activate()
    line = "pat.picker@example.test,Pat,Picker,yes,,River Annex"
    job = apply(admin, USERS, upload_people(admin, line))
    assert job.report["changed"] == [
        [2, "pat.picker@example.test", [["warehouses", "", "River Annex"], ["works_in", "North Dock", "River Annex"]]]
    ]
    assert rows() == [
        ("pat.picker@example.test", "North Dock", False),
        ("pat.picker@example.test", "River Annex", True),
    ]
    assert counts(upload_people(admin, line)) == (0, 0, 1, 0)
    assert counts(upload_people(admin, line.replace("River Annex", ""))) == (0, 0, 1, 0)
    back = apply(admin, USERS, upload_people(admin, line.replace("River Annex", "North Dock")))
    assert back.report["changed"][0][2] == [["works_in", "River Annex", "North Dock"]]
    assert rows()[0] == ("pat.picker@example.test", "North Dock", True)


def test_each_change_is_one_event_of_the_import_in_the_history(
    admin: Client, pat_north: WarehouseUserAssignment, river: Warehouse
) -> None:
    pat_north.activate()
    line = "pat.picker@example.test,Patricia,Picker,yes,North Dock; River Annex,River Annex"
    job = apply(admin, USERS, upload_people(admin, line))
    page = admin.get(
        "/admin/history/change-set/", {"operation": f"{job.applied_at:%Y-%m-%dT%H:%M:%S.%f%z}~{job.pk.hex}"}
    )
    assert sorted((one.kind, one.label) for one in page.context["changes"]) == [
        ("Assignment", "insert"),
        ("Assignment", "update"),
        ("User", "update"),
    ]
    assert {one.reason for one in page.context["changes"]} == {"the new season"}


@each(
    ("line", "found"),
    [
        (
            'new@example.test,New,Hand,yes,"North Dock; Rivr Annex; Nowhere",Nowhere',
            [
                ("warehouses", "“Rivr Annex”: did you mean “River Annex”?"),
                ("warehouses", "There is no warehouse “Nowhere”."),
                ("works_in", "There is no warehouse with this name. Check the spelling."),
            ],
        ),
        (
            "new@example.test,New,Hand,no,North Dock,",
            [
                (
                    "warehouses",
                    "Only warehouse users have warehouses. "
                    "Write yes in the column is_warehouse_user, or leave this empty.",
                )
            ],
        ),
        (
            "olive.office@example.test,Olive,Office,,,North Dock",
            [
                (
                    "works_in",
                    "Only warehouse users have warehouses. "
                    "Write yes in the column is_warehouse_user, or leave this empty.",
                )
            ],
        ),
        (
            "new@example.test,New,Hand,yes,,North Dock; River Annex",
            [("works_in", "There is no warehouse with this name. Check the spelling.")],
        ),
        (
            "gone.person@example.test,Gone,Person,yes,North Dock,",
            [("email", "The user with this e-mail is deleted. To bring them back, edit their page.")],
        ),
    ],
)
def test_faults_say_what_to_do_and_change_nothing(
    line: str,
    found: list[tuple[str, str]],
    admin: Client,
    north: Warehouse,
    river: Warehouse,
    make_user: Callable[..., User],
    nothing_changes: Any,
) -> None:
    make_user("gone.person@example.test", status="deleted")
    with nothing_changes():
        job = upload_people(admin, line)
        assert [(column, reason) for _row, column, reason in faults(job)] == found
        assert apply(admin, USERS, job).state == Import.State.CHECKED


def test_one_name_among_several_is_taken_as_suggested(admin: Client, north: Warehouse, river: Warehouse) -> None:
    job = upload_people(admin, 'new@example.test,New,Hand,yes,"North Dock; rivr annex",Rivr Annex')
    for column in ("warehouses", "works_in"):
        form = {"column": column, "written": "rivr annex" if column == "warehouses" else "Rivr Annex"}
        admin.post(f"{USERS}import/{job.pk}/replace/", form | {"name": "River Annex"})
        job.refresh_from_db()
        worker.run(job)
        job.refresh_from_db()
    assert counts(job) == (1, 0, 0, 0)
    apply(admin, USERS, job)
    assert rows() == [("new@example.test", "North Dock", False), ("new@example.test", "River Annex", True)]


def test_a_warehouse_that_is_not_available_is_warned_of(admin: Client, north: Warehouse) -> None:
    Warehouse.objects.filter(pk=north.pk).update(is_active=False)
    job = upload_people(admin, "new@example.test,New,Hand,yes,North Dock,North Dock")
    warning = "this warehouse is not available: nobody can work there until it is"
    assert job.report["created"][0][2]["warning"] == warning


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_comes_back_in_unchanged(
    kind: str, admin: Client, pat_north: WarehouseUserAssignment, pat_river: WarehouseUserAssignment, sam: User
) -> None:
    pat_north.activate()
    answer = admin.post(f"{USERS}export/{SHEET}&format={kind}&q=p")
    assert answer.status_code == 302, answer.content
    job = build(worker.take_next())  # type: ignore[arg-type]
    content = content_of(admin.get(f"{USERS}export/{job.pk}/file/"))
    assert job.file_name.startswith("people-")
    if kind == "xlsx":
        head, *lines = load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True)
        cells = [dict(zip(head, line, strict=True)) for line in lines]
        pat = next(line for line in cells if line["email"] == "pat.picker@example.test")
        assert (pat["warehouses"], pat["works_in"]) == ("North Dock; River Annex", "North Dock")
    again = upload(admin, USERS, content, sheet=SHEET)
    assert (again.report["problems"], counts(again)[:2], counts(again)[3]) == ([], (0, 0), 0)
    assert counts(again)[2] > 0


def test_the_page_and_the_template_explain_the_columns(admin: Client) -> None:
    page = admin.get(f"{USERS}import/{SHEET}").content.decode()
    assert "Import users and their warehouses" in page
    assert f'href="{USERS}import/{SHEET}" aria-current="page">Users and their warehouses</a>' in page
    assert "Warehouses that are not named here stay assigned." in page
    assert "Empty: they work where they work already. New: nowhere." in page
    template = admin.get(f"{USERS}import-template/{SHEET}&format=csv")
    assert template["Content-Disposition"] == 'attachment; filename="people-template.csv"'
    job = upload(admin, USERS, content_of(template), sheet=SHEET)
    assert job.report["problems"] == []
    assert ("email", "This is the example of the template. Write your own people over it.") in [
        (column, reason) for _row, column, reason in faults(job)
    ]
    for path in ("import/", "import-template/", "export/"):
        assert admin.get(f"{USERS}{path}?sheet=other").status_code == 404


# --- Rights -----------------------------------------------------------------------------------------------------
@each(("role", "status"), [(STAFF_MANAGER, 200), (WAREHOUSE_MANAGER, 403), (AUDITOR, 403)])
def test_it_needs_the_rights_of_both_sheets(role: str, status: int, enter: Callable[..., Client]) -> None:
    assert enter(role).get(f"{USERS}import/{SHEET}").status_code == status


def test_whoever_may_not_assign_has_the_sheet_of_users_only(
    enter: Callable[..., Client], olive: User, north: Warehouse, nothing_changes: Any
) -> None:
    client = enter(STAFF_MANAGER)
    job = upload_people(client, "new@example.test,New,Hand,yes,North Dock,")
    olive.groups.clear()
    olive.user_permissions.set(Permission.objects.filter(codename__in=["add_user", "change_user", "view_user"]))
    assert client.get(f"{USERS}import/").status_code == 200
    assert "sheet=warehouses" not in client.get(f"{USERS}import/").content.decode()
    for path in (f"import/{SHEET}", f"import-template/{SHEET}", f"export/{SHEET}"):
        assert client.get(f"{USERS}{path}").status_code == 403
    with nothing_changes():
        assert client.get(f"{USERS}import/{job.pk}/").status_code == 404
        assert client.post(f"{USERS}import/{job.pk}/apply/").status_code == 404
        Import.objects.filter(pk=job.pk).update(state="applying")
        job = Import.objects.get(pk=job.pk)
        worker.run(job)
    job.refresh_from_db()
    assert job.state == Import.State.STOPPED


# --- Cost -------------------------------------------------------------------------------------------------------
def test_a_check_costs_the_same_queries_for_any_number_of_rows_of_a_batch(
    admin: Client, make_user: Callable[..., User], north: Warehouse, river: Warehouse
) -> None:
    people = [make_user(f"hand.{number}@example.test", is_warehouse_user=True) for number in range(100)]

    def cost(number: int) -> int:
        lines = [f"{one.email},Hand,New,yes,North Dock; River Annex,North Dock" for one in people[:number]]
        job = upload_people(admin, *lines)
        Import.objects.filter(pk=job.pk).update(state="checking")
        with CaptureQueriesContext(connection) as queries:
            worker.run(job)
        return len(queries)

    assert cost(2) == cost(100)
