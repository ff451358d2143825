"""Sheets in two languages: staff get theirs in their own, and every sheet is read in either."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from assignments.models import WarehouseUserAssignment
from config.spreadsheets.models import Import
from tests.support.back_office.sheets import (
    ASSIGNMENTS,
    USERS,
    apply,
    ask_for_export,
    build,
    content_of,
    counts,
    exported,
    faults,
    upload,
)
from users.models import User
from users.roles import AUDITOR, STAFF_MANAGER
from warehouses.models import Warehouse


@pytest.fixture
def admin(olive: User, client: Client) -> Client:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(olive, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def speak(olive: User) -> Any:
    return lambda language: User.objects.filter(pk=olive.pk).update(language=language)


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))


def test_a_german_gets_german_headings_and_words(
    admin: Client, speak: Any, olive: User, pat: User, pat_north: WarehouseUserAssignment, make_user: Any
) -> None:
    speak("de_DE")
    pat_north.activate()
    olive.groups.set(Group.objects.filter(name__in=[AUDITOR, STAFF_MANAGER]))
    make_user("blocked.body@example.test", status="blocked")
    now = timezone.now()
    day = f"{timezone.localdate(now):%Y-%m-%d}"
    User.objects.update(created_at=now)
    User.objects.filter(pk=olive.pk).update(last_login=now)
    WarehouseUserAssignment.objects.update(created_at=now)
    assert rows_of(exported(admin, USERS)) == [
        [
            *("E-Mail", "Vorname", "Nachname", "Lagerbenutzer", "Sprache", "Status", "Rollen", "beschäftigt bis"),
            *("arbeitet jetzt in", "angelegt am", "letzte Anmeldung"),
        ],
        [olive.email, "Olive", "Office", "nein", "de", "aktiv", "Prüfung; Personalverwaltung", "", "", day, day],
        [pat.email, "Pat", "Picker", "ja", "en", "aktiv", "", "", "North Dock", day, ""],
        ["blocked.body@example.test", "Blocked", "Body", "nein", "en", "deaktiviert", "", "", "", day, ""],
    ]
    assert rows_of(exported(admin, ASSIGNMENTS)) == [
        ["E-Mail", "Lager", "aktiv", "von", "bis", "Vorname", "Nachname", "Status", "zugewiesen am"],
        [pat.email, "North Dock", "ja", "", "", "Pat", "Picker", "aktiv", day],
    ]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(("written", "read"), [("de_DE", "en_US"), ("en_US", "de_DE"), ("de_DE", "de_DE")])
def test_what_was_exported_in_one_language_changes_nothing_when_imported_in_any(
    admin: Client,
    speak: Any,
    olive: User,
    pat_north: WarehouseUserAssignment,
    make_user: Any,
    written: str,
    read: str,
    kind: str,
) -> None:
    pat_north.activate()
    olive.groups.set(Group.objects.filter(name__in=[AUDITOR, STAFF_MANAGER]))
    make_user("blocked.body@example.test", status="blocked")
    for page, rows in ((USERS, 3), (ASSIGNMENTS, 1)):
        speak(written)
        content = exported(admin, page, kind)
        speak("en_US")  # whatever it is when the stream goes out
        job = upload_as(admin, speak, read, page, content, f"again.{kind}")
        assert (faults(job), job.report["problems"]) == ([], [])
        own_language = int(page == USERS and written != read)  # Olive's, which this test switches
        assert counts(job) == (0, own_language, rows - own_language, 0)


def upload_as(client: Client, speak: Any, language: str, page: str, content: bytes, name: str) -> Import:
    speak(language)
    return upload(client, page, content, name)


def test_an_export_keeps_the_language_in_which_it_was_asked_for(admin: Client, speak: Any, pat: User) -> None:
    speak("de_DE")
    job = ask_for_export(admin, USERS, kind="csv")
    speak("en_US")
    answer = admin.get(f"{USERS}export/{build(job).pk}/file/")
    assert rows_of(content_of(answer))[2][3:6] == ["ja", "en", "aktiv"]


def test_faults_and_changes_are_shown_in_the_language_of_the_reader(admin: Client, speak: Any, pat: User) -> None:
    speak("de_DE")
    job = upload(admin, USERS, "E-Mail;Vorname;Nachname;Lagerbenutzer\nkeine;Ann;Ames;vielleicht")
    assert faults(job) == [
        (2, "E-Mail", "Bitte eine gültige E-Mail-Adresse eingeben."),
        (2, "Lagerbenutzer", "„vielleicht“ ist hier nicht bekannt. Möglich sind: ja, nein."),
    ]
    job = upload(
        admin, USERS, f"email;first_name;last_name;is_warehouse_user;status\n{pat.email};Pat;Picker;no;blocked"
    )
    assert job.report["changed"] == [
        [2, pat.email, [["Lagerbenutzer", "ja", "nein"], ["Status", "aktiv", "deaktiviert"]]]
    ]
    job = upload(admin, USERS, "E-Mail;Spitzname\na@b.de;x")
    assert job.report["problems"][0] == "Diese Spalten fehlen: Vorname, Nachname."


def test_the_german_template_is_german_and_is_read_back(admin: Client, speak: Any) -> None:
    speak("de_DE")
    content = content_of(admin.get(f"{USERS}import-template/?format=csv"))
    headings, example = rows_of(content)[:2]
    assert headings[:4] == ["E-Mail", "Vorname", "Nachname", "Lagerbenutzer"]
    assert example[3:6] == ["ja", "en", "aktiv"]
    speak("en_US")
    job = upload(admin, USERS, content)
    assert {row for row, _column, _reason in faults(job)} == {2}
    assert job.report["problems"] == []


def test_a_group_named_like_the_translation_of_a_role_stays_itself(admin: Client, speak: Any, olive: User) -> None:
    own = Group.objects.create(name="Prüfung")
    olive.groups.set([own, Group.objects.get(name=AUDITOR)])
    speak("de_DE")
    content = exported(admin, USERS)
    assert rows_of(content)[1][6] == "Auditor; Prüfung"
    assert counts(upload(admin, USERS, content)) == (0, 0, 1, 0)


def test_german_rows_are_applied(admin: Client, speak: Any, pat: User, north: Warehouse) -> None:
    speak("de_DE")
    job = apply(admin, ASSIGNMENTS, upload(admin, ASSIGNMENTS, f"E-Mail;Lager;aktiv\n{pat.email};North Dock;ja"))
    assert job.state == Import.State.APPLIED
    assert WarehouseUserAssignment.objects.get().is_active
