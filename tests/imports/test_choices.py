"""What a person may choose after a check."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from assignments.models import WarehouseUserAssignment
from config.spreadsheets.models import Import
from tests.support.back_office.sheets import (
    ASSIGNMENTS,
    USERS,
    apply,
    choose,
    content_of,
    counts,
    faults,
    upload,
)
from tests.support.cases import each
from users.models import User
from warehouses.models import Warehouse

UNKNOWN = "email,first_name,last_name,Nick name,,phone\nnew.hand@example.test,New,Hand,Newt,,123"


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


# --- Suggestions ------------------------------------------------------------------------------------------------
def take(client: Client, job: Import, *, column: str = "warehouse", written: str, **form: str) -> Import:
    """Presses the button at a fault, or the one that takes it back."""
    return choose(client, ASSIGNMENTS, job, "replace", column=column, written=written, **form)


def test_a_suggestion_is_taken_for_all_rows_with_that_name_and_taken_back(
    admin: Client, pat: User, sam: User, river: Warehouse, nothing_changes: Any
) -> None:
    rows = [f"{pat.email},River Anex", f"{sam.email}, river  anex", "nobody,Rever Annex"]
    with nothing_changes():
        job = upload(admin, ASSIGNMENTS, "\n".join(["email,warehouse", *rows]))
    page = admin.get(f"{ASSIGNMENTS}import/{job.pk}/").content.decode()
    assert page.count("Use “River Annex”") == 3
    content = bytes(job.content)

    with nothing_changes():
        job = take(admin, job, written="River Anex", name="River Annex")
    assert (counts(job), bytes(job.content)) == ((2, 0, 0, 1), content)
    assert [one[2] for one in job.report["created"]] == [
        {"email": person.email, "warehouse": "River Annex", "active": "no"} for person in (pat, sam)
    ]
    page = admin.get(f"{ASSIGNMENTS}import/{job.pk}/").content.decode()
    assert "River Anex → River Annex" in page
    assert page.count("Use “River Annex”") == 1

    job = take(admin, job, written="River Anex", undo="1")
    assert (job.replacements, counts(job)) == ([], (0, 0, 0, 3))
    job = take(admin, job, written="river anex", name="River Annex")
    job = apply_good_rows(admin, ASSIGNMENTS, job)
    assert (job.state, counts(job)) == (Import.State.APPLIED, (2, 0, 0, 1))
    assert set(WarehouseUserAssignment.objects.values_list("user", "warehouse")) == {
        (pat.pk, river.pk),
        (sam.pk, river.pk),
    }


def test_rows_left_out_have_the_name_that_was_taken(admin: Client, pat: User, river: Warehouse) -> None:
    content = f"email,warehouse\n{pat.email},River Anex\nnobody@example.test,River Anex"
    job = take(admin, upload(admin, ASSIGNMENTS, content), written="River Anex", name="River Annex")
    apply_good_rows(admin, ASSIGNMENTS, job)
    sheet = content_of(admin.get(f"{ASSIGNMENTS}import/{job.pk}/left-out/")).decode("utf-8-sig")
    assert sheet.splitlines()[1].startswith('"nobody@example.test","River Annex",')


@each(
    "form",
    [
        {"written": "River Anex", "name": "North Dock"},
        {"written": "Elsewhere", "name": "River Annex"},
        {"written": "River Anex", "name": "River Annex", "column": "email"},
        {"written": "River Anex", "name": "River Annex", "column": ""},
        {"written": "River Anex", "undo": "1"},
        {"written": ""},
    ],
)
def test_only_what_is_suggested_can_be_taken(
    form: dict[str, str], admin: Client, pat: User, river: Warehouse, nothing_changes: Any
) -> None:
    job = upload(admin, ASSIGNMENTS, f"email,warehouse\n{pat.email},River Anex")
    with nothing_changes():
        answer = admin.post(f"{ASSIGNMENTS}import/{job.pk}/replace/", {"column": "warehouse"} | form, follow=True)
    told = [str(one) for one in answer.context["messages"]]
    assert told == ["This suggestion is not there any more. Look again."]
    job.refresh_from_db()
    assert (job.state, job.replacements) == (Import.State.CHECKED, [])
    assert admin.get(f"{ASSIGNMENTS}import/{job.pk}/replace/").status_code == 405


# --- The rows without faults ------------------------------------------------------------------------------------
def apply_good_rows(client: Client, page: str, job: Import) -> Import:
    return choose(client, page, job, "apply", good_rows="1")


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
