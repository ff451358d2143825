"""An uploaded file that nobody comes back to does not stay: it may hold passwords. The record of the import does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from config.spreadsheets.models import FaultPage, Import
from tests.support.back_office.sheets import ASSIGNMENTS, USERS, apply, counts, upload
from tests.support.cases import each

#: A sound row, and one with a fault.
SHEET = "email,first_name,last_name\nann.ames@example.test,Ann,Ames\nno address,,"


def aged(job: Import, **also: str) -> Import:
    Import.objects.filter(pk=job.pk).update(started_at=timezone.now() - timedelta(hours=25), **also)
    return job


def purge(_client: Client) -> None:
    told = StringIO()
    call_command("purge", stdout=told)
    assert "1 imports" in told.getvalue()


def open_page(client: Client) -> None:
    assert client.get(f"{ASSIGNMENTS}import/").status_code == 200


@each(
    ("clear", "state", "kept"),
    [
        (open_page, "checked", "checked"),
        (purge, "checked", "checked"),
        (open_page, "checking", "stopped"),
        (purge, "applying", "stopped"),
    ],
)
def test_a_file_left_alone_for_a_day_goes_and_who_imported_what_stays(
    clear: Callable[[Client], None], state: str, kept: str, admin: Client, olive: Any, nothing_changes: Any
) -> None:
    job = aged(upload(admin, USERS, SHEET), state=state)
    clear(admin)
    job.refresh_from_db()
    assert (bytes(job.content), FaultPage.objects.count(), job.state, job.is_waiting) == (b"", 0, kept, False)
    assert (job.person, job.file_name, counts(job)) == (olive, "people.csv", (1, 0, 0, 1))
    assert "created" not in job.report
    page = admin.get(f"{USERS}import/{job.pk}/").content.decode()
    assert "The file was deleted after a day, and was not applied. To import it, upload it again." in page
    assert "ann.ames" not in page
    with nothing_changes():
        admin.post(f"{USERS}import/{job.pk}/apply/", {"good_rows": "1"})
        answer = admin.post(f"{USERS}import/{job.pk}/again/", follow=True)
    assert [*map(str, answer.context["messages"])][-1] == "The file was deleted after a day. Upload it again."
    job.refresh_from_db()
    assert job.state == kept


def test_of_an_import_that_was_applied_the_numbers_and_its_changes_stay(admin: Client) -> None:
    job = apply(admin, USERS, upload(admin, USERS, SHEET.rpartition("\n")[0]))
    aged(job)
    purge(admin)
    page = admin.get(f"{USERS}import/{job.pk}/").content.decode()
    assert "The file and the rows were deleted after a day. The history has the changes." in page
    assert '<dd id="count-created">1</dd>' in page
    assert "ann.ames" not in page


def test_what_is_cleared_once_is_not_touched_again(admin: Client) -> None:
    aged(upload(admin, USERS, SHEET))
    purge(admin)
    told = StringIO()
    call_command("purge", stdout=told)
    assert "0 imports" in told.getvalue()


def test_what_somebody_has_come_back_to_stays(admin: Client) -> None:
    job = aged(upload(admin, USERS, SHEET))
    admin.post(f"{USERS}import/{job.pk}/again/")
    open_page(admin)
    job.refresh_from_db()
    assert (job.state, job.is_expired, bool(job.content)) == (Import.State.CHECKING, False, True)


def test_what_was_uploaded_today_stays(admin: Client) -> None:
    job = upload(admin, USERS, SHEET)
    open_page(admin)
    call_command("purge", stdout=StringIO())
    job.refresh_from_db()
    assert bytes(job.content)
