"""Spreadsheets in and out: what the preview says, what is applied, and what must never happen."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from config.spreadsheets.jobs import worker
from config.spreadsheets.models import Import
from tests.support.api.client import sign_in
from tests.support.back_office.sheets import (
    ASSIGNMENTS,
    PEOPLE_HEADINGS,
    USERS,
    apply,
    counts,
    exported,
    faults,
    upload,
)
from users.models import Session, User
from users.roles import ADMINISTRATOR, AUDITOR, STAFF_MANAGER
from warehouses.models import Warehouse


# --- Preview ----------------------------------------------------------------------------------------------------
def test_a_preview_shows_every_fault_of_every_row_and_changes_nothing(
    admin: Client, pat: User, nothing_changes: Any
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
        (2, "email", "Enter a valid email address."),
        (2, "is_warehouse_user", "“maybe” is not known here. Write one of: yes, no."),
        (3, "first_name", "This must not be empty."),
        (3, "last_name", "A name must not contain any of : / < >"),
        (3, "language", "“fr” is not known here. Write one of: en, de."),
        (3, "status", "“gone” is not known here. Write one of: active, deactivated."),
        (
            3,
            "roles",
            "There is no role “Kings”. "
            "Roles are: Administrator; Auditor; Site manager; Staff manager; Warehouse manager.",
        ),
        (3, "password", "This password is too short. It must contain at least 12 characters."),
        (6, "email", "The same as in row 4: keep only one of them."),
        (7, "email", "This is the example of the template. Write your own people over it."),
        (8, "", "There are more cells than columns."),
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
        [
            2,
            pat.email,
            [["first_name", "Pat", "Patricia"], ["is_warehouse_user", "yes", "no"], ["language", "en", "de"]],
        ]
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
    "cells", ["yes,,deactivated,,", "no,,,,", ",,,,violet-Tractor-91"], ids=["status", "flag", "password"]
)
def test_a_change_of_status_flag_or_password_ends_the_sessions(admin: Client, pat: User, cells: str) -> None:
    sign_in(pat.email)
    content = f"{PEOPLE_HEADINGS}\n{pat.email},Pat,Picker,{cells}\n"
    apply(admin, USERS, upload(admin, USERS, content))
    assert not Session.objects.live().filter(user=pat).exists()


def test_a_password_is_set_but_never_shown_or_exported(admin: Client, pat: User) -> None:
    secret = "violet-Tractor-91"
    content = f"email,first_name,last_name,password\n{pat.email},Pat,Picker,{secret}"
    job = apply(admin, USERS, upload(admin, USERS, content))
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


def test_an_import_that_fails_says_so_and_applies_nothing(admin: Client, pat: User, nothing_changes: Any) -> None:
    job = upload(admin, USERS, f"email,first_name,last_name\n{pat.email},Patricia,Picker")
    Import.objects.filter(pk=job.pk).update(content=b"lost its key")
    with nothing_changes():
        job = apply(admin, USERS, job)
    assert job.state == Import.State.STOPPED
    assert b"Nothing of it was applied" in admin.get(f"{USERS}import/{job.pk}/").content


def test_what_only_the_database_refuses_is_named_and_nothing_is_applied(
    admin: Client, pat: User, nothing_changes: Any
) -> None:
    """The check should find everything. Should something get through, the page says which rows and why."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE users_user ADD CONSTRAINT nobody CHECK (first_name <> 'Nobody') NOT VALID")
    job = upload(admin, USERS, "email,first_name,last_name\nnew@example.test,New,Hand\nno@example.test,Nobody,Knows")
    assert counts(job) == (2, 0, 0, 0)
    with nothing_changes():
        job = apply(admin, USERS, job)
    assert job.state == Import.State.CHECKED
    (problem,) = job.report["notes"]
    assert problem == (
        'Nothing was applied: the database refused one of the rows 2 to 3. new row for relation "users_user" violates '
        'check constraint "nobody"'
    )
    assert html.escape(problem) in admin.get(f"{USERS}import/{job.pk}/").content.decode()


# --- Spellings --------------------------------------------------------------------------------------------------
def test_people_and_warehouses_are_known_in_every_spelling_and_unchanged_by_it(
    admin: Client, make_user: Any, north: Warehouse
) -> None:
    zoe = make_user("zoe.boer@example.test", first_name="Zoë", last_name="de Boer", is_warehouse_user=True)
    spelt = "\u200bZOE.boer@Example.Test ,Zoe\u0308,de\u00a0 Boer"
    assert counts(upload(admin, USERS, f"email,first_name,last_name\n{spelt}")) == (0, 0, 1, 0)
    job = upload(admin, ASSIGNMENTS, "email,warehouse,active\nzoe.boer\u00ad@example.test,NORTH\u00a0 dock\u200b,yes")
    assert counts(apply(admin, ASSIGNMENTS, job)) == (1, 0, 0, 0)
    assert zoe.assignments.get().warehouse == north


def test_two_rows_of_one_address_and_letters_that_databases_see_differently_are_found_before(admin: Client) -> None:
    people = ["itom2@example.test", "\u0130tom2@example.test", "Itom2\u200b@EXAMPLE.test", "innocent1@example.test"]
    job = upload(admin, USERS, "\n".join(["email,first_name,last_name", *(f"{one},A,B" for one in people)]))
    assert faults(job) == [
        (3, "email", "Before the @, an e-mail address can have letters without accents only."),
        (4, "email", "The same as in row 2: keep only one of them."),
    ]


def test_an_import_given_up_before_it_began_applies_nothing(admin: Client, pat: User, nothing_changes: Any) -> None:
    job = upload(admin, USERS, f"email,first_name,last_name\n{pat.email},Patricia,Picker")
    Import.objects.filter(pk=job.pk).update(state="stopped")
    with nothing_changes():
        worker.run(job)
    job.refresh_from_db()
    assert job.state == Import.State.STOPPED


# --- Rights -----------------------------------------------------------------------------------------------------
def test_a_staff_manager_cannot_make_or_change_people_with_more_rights(
    enter: Callable[..., Client], make_user: Callable[..., User], nothing_changes: Any
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
    above = "This user may do more than you. Ask somebody who may do as much."
    beyond = "You cannot give or take the role Administrator: it allows more than you may do yourself."
    assert faults(job) == [(2, "email", above), (3, "email", above), (4, "roles", beyond)]
    assert job.report["created_rows"] == 1


def test_nobody_blocks_or_demotes_themselves(admin: Client, olive: User, nothing_changes: Any) -> None:
    content = f"email,first_name,last_name,is_warehouse_user,status\n{olive.email},Olive,Office,yes,deactivated"
    with nothing_changes():
        job = upload(admin, USERS, content)
    assert [column for _row, column, _reason in faults(job)] == ["is_warehouse_user", "status"]


@pytest.mark.parametrize("page", [USERS, ASSIGNMENTS])
def test_an_auditor_may_export_but_not_import(enter: Callable[..., Client], page: str, pat: User) -> None:
    auditor = enter(AUDITOR)
    assert auditor.get(f"{page}export/").status_code == 200
    assert exported(auditor, page)
    for path in ("import/", "import-template/"):
        assert auditor.get(page + path).status_code == 403
    buttons = auditor.get(page).content.decode()
    assert f'{page}export/"' in buttons
    assert f'{page}import/"' not in buttons


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
        with CaptureQueriesContext(connection) as queries:
            worker.run(job)
        return len(queries)

    assert cost(2) == cost(200)
