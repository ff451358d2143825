"""Exports: counted first, built beside the requests, and given to the person who asked."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook

from assignments.models import WarehouseUserAssignment
from config.spreadsheets.jobs import worker
from config.spreadsheets.jobs.queue import MAX_WAITING
from config.spreadsheets.models import Export, Import
from config.spreadsheets.writing import exports
from tests.support.back_office.sheets import (
    ASSIGNMENTS,
    USERS,
    ask_for_export,
    build,
    content_of,
    counts,
    exported,
    upload,
)
from users.models import User
from users.models.audit_event import AuditEvent

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TOO_MANY_ROWS = "Excel takes at most 1 rows from here. Choose CSV."
TOO_MANY_WAITING = (
    "5 of your imports, exports and undos are waiting already. Wait until one of them is done, then try again."
)
STOPPED = "The export has stopped. There is no file."


@pytest.fixture
def admin(olive: User, client: Client) -> Client:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(olive, backend="django.contrib.auth.backends.ModelBackend")
    return client


def emails(content: bytes) -> set[str]:
    return {str(row[0].value) for row in list(load_workbook(io.BytesIO(content)).active.rows)[1:]}


# --- How many ---------------------------------------------------------------------------------------------------
def test_more_rows_than_excel_takes_are_refused_without_building_anything(
    admin: Client, pat: User, sam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(exports.MAX_ROWS, "xlsx", 1)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = admin.post(f"{USERS}export/?format=xlsx")
    assert (answer.status_code, [str(told) for told in answer.context["messages"]]) == (200, [TOO_MANY_ROWS])
    assert not Export.objects.exists()
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"] and '"users_user"' in query["sql"]]
    assert counts
    assert [sql for sql in counts if "LIMIT" not in sql] == []
    assert any("LIMIT 1000001)" in sql for sql in counts)
    assert [query["sql"] for query in queries if '"first_name"' in query["sql"] and "CURSOR" in query["sql"]] == []


def test_as_many_rows_as_excel_takes_are_exported(admin: Client, pat: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(exports.MAX_ROWS, "xlsx", User.objects.count())
    assert len(emails(exported(admin, USERS, "xlsx"))) == User.objects.count()


def test_rows_that_have_become_too_many_since_they_were_counted_stop_the_export(
    admin: Client, pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask_for_export(admin, USERS)
    monkeypatch.setitem(exports.MAX_ROWS, "xlsx", 1)
    assert build(job).state == Export.State.STOPPED


# --- What is in it ----------------------------------------------------------------------------------------------
def test_a_workbook_holds_what_was_searched_and_filtered_for(admin: Client, pat: User, sam: User) -> None:
    assert emails(exported(admin, USERS, "xlsx", "q=pat")) == {pat.email}
    assert pat.email in emails(exported(admin, USERS, "xlsx", "kind=warehouse"))


def test_a_workbook_of_assignments_is_built_too(admin: Client, pat_north: WarehouseUserAssignment) -> None:
    assert emails(exported(admin, ASSIGNMENTS, "xlsx", "q=pat")) == {pat_north.user.email}


def test_a_workbook_speaks_the_language_of_whoever_asked(admin: Client, olive: User) -> None:
    User.objects.filter(pk=olive.pk).update(language="de_DE")
    book = load_workbook(io.BytesIO(exported(admin, USERS, "xlsx")))
    assert [cell.value for cell in next(book.active.rows)][:3] == ["E-Mail", "Vorname", "Nachname"]


def test_the_file_is_downloaded_by_the_name_of_its_list_and_day(admin: Client, pat: User, olive: User) -> None:
    job = build(ask_for_export(admin, USERS))
    answer: Any = admin.get(f"{USERS}export/{job.pk}/file/")
    name = f"users-{timezone.localdate(job.created_at):%Y-%m-%d}.xlsx"
    assert (answer["Content-Type"], answer["Content-Disposition"]) == (XLSX, f'attachment; filename="{name}"')
    content = content_of(answer)
    assert int(answer["Content-Length"]) == len(content)
    assert pat.email in emails(content)
    event = AuditEvent.objects.get(tag="rows_exported")
    assert (event.user_uuid, event.details) == (olive.uuid, {"kind": "users.user", "by": olive.email})


@pytest.mark.parametrize(("page", "name"), [(USERS, "users"), (ASSIGNMENTS, "assignments")])
def test_files_have_plain_names(admin: Client, page: str, name: str) -> None:
    job = ask_for_export(admin, page)
    assert job.file_name == f"{name}-{timezone.localdate(job.created_at):%Y-%m-%d}.xlsx"
    template = admin.get(f"{page}import-template/?format=csv")
    assert template["Content-Disposition"] == f'attachment; filename="{name}-template.csv"'


def test_informative_columns_are_not_imported_and_not_complained_about(
    admin: Client, pat_north: WarehouseUserAssignment
) -> None:
    """Somebody who works with an export need not remove what the import does not take."""
    content = exported(admin, ASSIGNMENTS).decode("utf-8-sig").replace('"Pat"', '"Nobody"')
    job = upload(admin, ASSIGNMENTS, content)
    assert (job.report["problems"], job.report["notes"], counts(job)) == ([], [], (0, 0, 1, 0))


def test_two_columns_of_one_informative_heading_are_ignored_both(
    admin: Client, pat_north: WarehouseUserAssignment
) -> None:
    content = f"email,warehouse,status,Status\n{pat_north.user.email},North Dock,blocked,gone"
    assert counts(upload(admin, ASSIGNMENTS, content)) == (0, 0, 1, 0)


def test_the_file_is_encrypted_where_it_is_kept(admin: Client, pat: User) -> None:
    kept = bytes(build(ask_for_export(admin, USERS)).content)
    assert kept
    assert not kept.startswith(b"PK")


# --- What the page tells ----------------------------------------------------------------------------------------
def test_asking_answers_at_once_with_a_progress_page(admin: Client, pat: User) -> None:
    job = ask_for_export(admin, USERS)
    page = admin.get(f"{USERS}export/{job.pk}/").content.decode()
    assert f'data-progress="{USERS}export/{job.pk}/progress/"' in page
    told = admin.get(f"{USERS}export/{job.pk}/progress/").json()
    assert told == {"running": True, "ahead": 0, "done": 0, "total": User.objects.count()}
    assert admin.get(f"{USERS}export/{job.pk}/file/").status_code == 404
    build(job)
    assert admin.get(f"{USERS}export/{job.pk}/progress/").json()["running"] is False
    assert f'href="{USERS}export/{job.pk}/file/"' in admin.get(f"{USERS}export/{job.pk}/").content.decode()


def test_an_export_whose_process_died_says_so_and_offers_to_ask_again(admin: Client, pat: User) -> None:
    job = ask_for_export(admin, USERS, "q=pat")
    Export.objects.filter(pk=job.pk).update(is_waiting=False, started_at=timezone.now() - timedelta(minutes=1))
    page = admin.get(f"{USERS}export/{job.pk}/").content.decode()
    assert STOPPED in page
    assert 'action="/admin/users/user/export/?q=pat&amp;format=xlsx"' in page
    assert admin.get(f"{USERS}export/{job.pk}/file/").status_code == 404


@pytest.mark.parametrize(("language", "ready"), [("en_US", "The file is ready."), ("de_DE", "Die Datei ist fertig.")])
def test_the_page_speaks_english_and_german(admin: Client, olive: User, language: str, ready: str) -> None:
    User.objects.filter(pk=olive.pk).update(language=language)
    job = build(ask_for_export(admin, USERS))
    assert ready in admin.get(f"{USERS}export/{job.pk}/").content.decode()


def test_an_address_that_asks_for_excel_shows_the_page_and_builds_nothing(admin: Client) -> None:
    """Opening an address changes nothing; the button posts."""
    assert "Choose a format" in admin.get(f"{USERS}export/?format=xlsx").content.decode()
    assert not Export.objects.exists()


# --- How many at a time -----------------------------------------------------------------------------------------
def test_imports_and_exports_of_one_person_wait_for_each_other(admin: Client, olive: User, pat: User) -> None:
    first = Import.objects.begin(kind="users.user", person=olive, language="en", file_name="a.csv", content=b"a file")
    job = ask_for_export(admin, USERS)
    assert worker.take_next() == first
    assert worker.take_next() is None
    assert admin.get(f"{USERS}export/{job.pk}/progress/").json()["ahead"] == 1
    assert first.move(Import.State.CHECKING, to=Import.State.CHECKED)
    assert worker.take_next() == job


def test_no_more_exports_than_may_wait_are_asked_for(admin: Client) -> None:
    for _ in range(MAX_WAITING):
        ask_for_export(admin, USERS)
    answer = admin.post(f"{USERS}export/?format=xlsx")
    assert (answer.status_code, [str(told) for told in answer.context["messages"]]) == (200, [TOO_MANY_WAITING])
    assert Export.objects.count() == MAX_WAITING


# --- Whose it is ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("end", ["", "progress/", "file/"])
def test_nobody_else_gets_the_export_or_learns_of_it(admin: Client, ada: User, end: str) -> None:
    job = build(ask_for_export(admin, USERS))
    admin.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    assert admin.get(f"{USERS}export/{job.pk}/{end}").status_code == 404
    assert not AuditEvent.objects.filter(tag="rows_exported").exists()


def test_the_export_of_another_list_is_not_found(admin: Client) -> None:
    job = build(ask_for_export(admin, USERS))
    assert admin.get(f"{ASSIGNMENTS}export/{job.pk}/file/").status_code == 404


def lose_the_right(olive: User) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=False)


def be_signed_out(olive: User) -> None:
    User.objects.filter(pk=olive.pk).update(signed_out_at=timezone.now())


def be_blocked(olive: User) -> None:
    User.objects.filter(pk=olive.pk).update(status=User.Status.BLOCKED)


@pytest.mark.parametrize("lose", [lose_the_right, be_signed_out, be_blocked])
def test_whoever_has_lost_the_right_since_they_asked_gets_nothing(
    admin: Client, olive: User, lose: Callable[[User], None]
) -> None:
    job = ask_for_export(admin, USERS)
    lose(olive)
    build(job)
    assert (job.state, job.read()) == (Export.State.STOPPED, b"")
    assert AuditEvent.objects.get(tag="export_refused").user_uuid == olive.uuid


def test_whoever_has_lost_the_right_since_it_was_built_cannot_fetch_it(admin: Client, olive: User) -> None:
    job = build(ask_for_export(admin, USERS))
    lose_the_right(olive)
    assert admin.get(f"{USERS}export/{job.pk}/file/").status_code == 403


# --- How long it stays ------------------------------------------------------------------------------------------
@pytest.fixture
def old(admin: Client) -> Export:
    job = build(ask_for_export(admin, USERS))
    Export.objects.filter(pk=job.pk).update(started_at=timezone.now() - timedelta(hours=25))
    return job


@pytest.mark.parametrize("page", [f"{USERS}export/", f"{ASSIGNMENTS}export/", f"{ASSIGNMENTS}import/"])
def test_whoever_opens_a_page_of_sheets_clears_exports_of_yesterday(admin: Client, old: Export, page: str) -> None:
    assert admin.get(page).status_code == 200
    assert not Export.objects.exists()


def test_the_command_purge_clears_them_too(old: Export) -> None:
    told = io.StringIO()
    call_command("purge", stdout=told)
    assert "1 exports" in told.getvalue()
    assert not Export.objects.exists()


def test_an_export_of_today_stays(admin: Client) -> None:
    job = build(ask_for_export(admin, USERS))
    call_command("purge", stdout=io.StringIO())
    assert admin.get(f"{USERS}export/").status_code == 200
    assert admin.get(f"{USERS}export/{job.pk}/file/").status_code == 200
