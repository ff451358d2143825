"""What a person may choose after a check."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from assignments.models import WarehouseUserAssignment
from config.spreadsheets.jobs import worker
from config.spreadsheets.models import Import
from tests.support.back_office.sheets import (
    ASSIGNMENTS,
    USERS,
    apply,
    content_of,
    counts,
    faults,
    upload,
)
from users.models import User
from warehouses.models import Warehouse

UNKNOWN = "email,first_name,last_name,Nick name,,phone\nnew.hand@example.test,New,Hand,Newt,,123"


def choose(client: Client, page: str, job: Import, step: str) -> Import:
    """Presses a button of the page, and lets the file be checked again."""
    assert client.post(f"{page}import/{job.pk}/{step}/").status_code == 302
    job.refresh_from_db()
    worker.run(job)
    job.refresh_from_db()
    return job


# --- Unknown columns --------------------------------------------------------------------------------------------
def test_unknown_columns_are_named_and_ignored_on_request(admin: Client, nothing_changes: Any) -> None:
    job = upload(admin, USERS, UNKNOWN)
    with nothing_changes():
        page = admin.get(f"{USERS}import/{job.pk}/").content.decode()
        assert "These columns are unknown: Nick name, (no name), phone." in page
        assert f'action="{USERS}import/{job.pk}/ignore/"' in page
        job = choose(admin, USERS, job, "ignore")
    assert (job.report["problems"], counts(job)) == ([], (1, 0, 0, 0))
    assert job.report["notes"] == ["These columns are not imported: Nick name, (no name), phone."]
    assert f'action="{USERS}import/{job.pk}/ignore/"' not in admin.get(f"{USERS}import/{job.pk}/").content.decode()
    assert apply(admin, USERS, job).state == Import.State.APPLIED
    assert User.objects.get(email="new.hand@example.test").first_name == "New"


def test_ignored_columns_are_remembered_for_the_same_person_and_list(admin: Client, ada: User) -> None:
    choose(admin, USERS, upload(admin, USERS, UNKNOWN), "ignore")
    assert counts(upload(admin, USERS, UNKNOWN)) == (1, 0, 0, 0)
    assert upload(admin, USERS, UNKNOWN.replace("phone", "fax")).report["unknown_columns"] == ["fax"]
    assert upload(admin, ASSIGNMENTS, "email,warehouse,phone").report["unknown_columns"] == ["phone"]
    User.objects.filter(pk=ada.pk).update(is_superuser=True)
    admin.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    assert upload(admin, USERS, UNKNOWN).report["problems"]


@pytest.mark.parametrize("headings", ["email,first_name,phone", "email,first_name,last_name,Email,phone"])
def test_ignoring_is_offered_only_where_it_helps(admin: Client, headings: str) -> None:
    job = upload(admin, USERS, f"{headings}\na@example.test,A,B,C,D")
    assert job.report["problems"]
    assert "/ignore/" not in admin.get(f"{USERS}import/{job.pk}/").content.decode()
    choose(admin, USERS, job, "ignore")
    assert job.ignored_columns == []


def test_a_sound_file_stays_as_it_is(admin: Client) -> None:
    job = choose(admin, USERS, upload(admin, USERS, "email,first_name,last_name\na@example.test,A,B"), "ignore")
    assert (job.state, job.ignored_columns, counts(job)) == (Import.State.CHECKED, [], (1, 0, 0, 0))


# --- The rows without faults ------------------------------------------------------------------------------------
def apply_good_rows(client: Client, page: str, job: Import) -> Import:
    assert client.post(f"{page}import/{job.pk}/apply/", {"good_rows": "1"}).status_code == 302
    job.refresh_from_db()
    worker.run(job)
    job.refresh_from_db()
    return job


def mixed(pat: User) -> str:
    return "\n".join(
        [
            "email,first_name,last_name,password,language",
            "new.hand@example.test,New,Hand,violet-Tractor-91,",
            "nobody,No,Body,violet-Tractor-92,",
            f"{pat.email},Patricia,Picker,,de",
            f"{pat.email},Other,Name,,fr",
            "=1+1@example.test,=cmd,Ames,,fr",
        ]
    )


def test_the_good_rows_are_applied_on_request(admin: Client, pat: User) -> None:
    job = upload(admin, USERS, mixed(pat))
    assert "Apply the 2 good rows" in admin.get(f"{USERS}import/{job.pk}/").content.decode()
    assert apply(admin, USERS, job).state == Import.State.CHECKED  # only as a choice of its own
    found = faults(job)
    job = apply_good_rows(admin, USERS, job)
    assert (job.state, counts(job)[:2], faults(job)) == (Import.State.APPLIED, (1, 1), found)
    assert User.objects.get(email="new.hand@example.test").check_password("violet-Tractor-91")
    pat.refresh_from_db()
    assert (pat.first_name, pat.last_name, pat.language) == ("Patricia", "Picker", "de_DE")  # not of the second row


def test_the_other_rows_are_a_sheet_to_correct(admin: Client, pat: User) -> None:
    job = apply_good_rows(admin, USERS, upload(admin, USERS, mixed(pat)))
    assert b"violet-Tractor-92" not in bytes(job.content)
    assert "rows with faults were left out" in admin.get(f"{USERS}import/{job.pk}/").content.decode()
    sheet = content_of(admin.get(f"{USERS}import/{job.pk}/left-out/"))
    lines = sheet.decode("utf-8-sig").splitlines()
    assert lines[0] == '"email","first_name","last_name","password","language","faults"'
    assert lines[1].startswith('"nobody","No","Body","violet-Tractor-92","","email: Enter a valid email address.')
    again = upload(admin, USERS, sheet)
    assert (again.report["problems"], counts(again)) == ([], (0, 0, 0, 3))
    mended = "\n".join(lines[:2]).replace('"nobody"', '"some.body@example.test"')
    assert counts(upload(admin, USERS, mended)) == (1, 0, 0, 0)


def test_a_second_row_of_the_same_assignment_does_not_change_what_the_first_writes(
    admin: Client, pat: User, north: Warehouse, river: Warehouse
) -> None:
    content = f"email,warehouse,active\n{pat.email},North Dock,no\n{pat.email},north dock,yes\n{pat.email},Nowhere,yes"
    job = apply_good_rows(admin, ASSIGNMENTS, upload(admin, ASSIGNMENTS, content))
    assert (job.state, counts(job)) == (Import.State.APPLIED, (1, 0, 0, 2))
    assert not WarehouseUserAssignment.objects.get().is_active


def test_a_row_that_became_faulty_since_the_check_is_shown_before_anything_is_applied(
    admin: Client, pat: User, nothing_changes: Any
) -> None:
    job = upload(admin, USERS, mixed(pat))
    User.objects.filter(pk=pat.pk).update(status="deleted")
    with nothing_changes():
        job = apply_good_rows(admin, USERS, job)
    assert (job.state, counts(job)[:2]) == (Import.State.CHECKED, (1, 0))


@pytest.mark.parametrize("content", ["email,first_name,last_name\nnobody,No,Body", "email,first_name\na@b.test,A"])
def test_without_a_good_row_there_is_no_such_choice(admin: Client, content: str, nothing_changes: Any) -> None:
    job = upload(admin, USERS, content)
    assert "good row" not in admin.get(f"{USERS}import/{job.pk}/").content.decode()
    with nothing_changes():
        assert apply_good_rows(admin, USERS, job).state == Import.State.CHECKED
    assert admin.get(f"{USERS}import/{job.pk}/left-out/").status_code == 404


def test_nothing_is_left_out_of_a_sound_file(admin: Client) -> None:
    job = upload(admin, USERS, "email,first_name,last_name\na@example.test,A,B")
    job = apply_good_rows(admin, USERS, job)
    assert (job.state, bytes(job.content)) == (Import.State.APPLIED, b"")
    assert admin.get(f"{USERS}import/{job.pk}/left-out/").status_code == 404
