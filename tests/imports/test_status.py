"""The status of an account in a sheet: activated and deactivated as on the pages, in the same words."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.utils.translation import override

from config.spreadsheets.models import Import
from tests.support.api.client import sign_in
from tests.support.back_office.sheets import USERS, apply, counts, faults, upload
from tests.support.cases import each
from users.models import Session, User
from users.resources.user import UserResource


def sheet(person: User, status: str) -> str:
    return f"email,first_name,last_name,status\n{person.email},{person.first_name},{person.last_name},{status}"


@each("word", ["deactivated", "Deaktiviert", "inactive", "blocked"])
def test_a_sheet_deactivates_and_activates_people(word: str, admin: Client, pat: User) -> None:
    sign_in(pat.email)
    job = apply(admin, USERS, upload(admin, USERS, sheet(pat, word)))
    assert job.state == Import.State.APPLIED
    assert job.report["changed"] == [[2, pat.email, [["status", "active", "deactivated"]]]]
    assert User.objects.get(pk=pat.pk).status == User.Status.BLOCKED
    assert not Session.objects.live().exists()
    assert counts(upload(admin, USERS, sheet(pat, word))) == (0, 0, 1, 0)
    apply(admin, USERS, upload(admin, USERS, sheet(pat, "Aktiv")))
    assert User.objects.get(pk=pat.pk).status == User.Status.ACTIVE


@each("word", ["deleted", "gelöscht", "0"])
def test_a_sheet_deletes_nobody(word: str, admin: Client, pat: User, nothing_changes: Any) -> None:
    with nothing_changes():
        job = upload(admin, USERS, sheet(pat, word))
    assert faults(job) == [(2, "status", f"“{word}” is not known here. Write one of: active, deactivated.")]


@each("language", ["en", "de"])
def test_the_words_are_those_of_the_pages(language: str, db: None) -> None:
    with override(language):
        words = UserResource().fields["status"].widget.labels
        assert words == {
            status.value: str(status.label).lower() for status in (User.Status.ACTIVE, User.Status.BLOCKED)
        }
        assert str(UserResource.fields["groups"].heading) == {"en": "roles", "de": "Rollen"}[language]
