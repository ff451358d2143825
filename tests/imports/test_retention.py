"""An uploaded file that nobody comes back to does not stay: it may hold passwords."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from config.spreadsheets.models import FaultPage, Import
from tests.support.back_office.sheets import ASSIGNMENTS, USERS, upload
from users.models import User


@pytest.fixture
def admin(olive: User, client: Client) -> Client:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(olive, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def abandoned(admin: Client) -> Import:
    """Uploaded more than a day ago, full of faults, and left alone since."""
    return aged(upload(admin, USERS, "email,first_name,last_name\nno address,,"))


def aged(job: Import, **also: str) -> Import:
    Import.objects.filter(pk=job.pk).update(started_at=timezone.now() - timedelta(hours=25), **also)
    return job


def test_whoever_opens_the_import_page_clears_what_others_left(admin: Client, abandoned: Import) -> None:
    assert admin.get(f"{ASSIGNMENTS}import/").status_code == 200
    assert not Import.objects.exists()
    assert not FaultPage.objects.exists()


def test_the_command_purge_clears_it_too(abandoned: Import) -> None:
    told = StringIO()
    call_command("purge", stdout=told)
    assert "1 imports" in told.getvalue()
    assert not Import.objects.exists()
    assert not FaultPage.objects.exists()


@pytest.mark.parametrize("state", Import.RUNNING)
def test_what_died_while_it_ran_goes_too(admin: Client, abandoned: Import, state: str) -> None:
    aged(abandoned, state=state)
    admin.get(f"{USERS}import/")
    assert not Import.objects.exists()


def test_what_somebody_has_come_back_to_stays(admin: Client, abandoned: Import) -> None:
    admin.post(f"{USERS}import/{abandoned.pk}/again/")
    admin.get(f"{USERS}import/")
    assert Import.objects.get().state == Import.State.CHECKING


def test_what_was_uploaded_today_stays(admin: Client) -> None:
    job = upload(admin, USERS, "email,first_name,last_name\nann.ames@example.test,Ann,Ames")
    admin.get(f"{USERS}import/")
    call_command("purge", stdout=StringIO())
    assert bytes(Import.objects.get(pk=job.pk).content)
