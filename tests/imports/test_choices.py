"""What a person may choose after a check."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from config.spreadsheets.jobs import worker
from config.spreadsheets.models import Import
from tests.support.back_office.sheets import ASSIGNMENTS, USERS, apply, counts, upload
from users.models import User

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
