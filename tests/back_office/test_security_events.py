"""Security events in the Back Office: a list that only grows by itself, for those who may see what happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from config.back_office.lists.paging import CappedPaginator
from tests.support.back_office.staff import member, signed_in
from users.models import User
from users.models.audit_event import AuditEvent

LIST = "/admin/users/auditevent/"


@pytest.fixture
def as_auditor(make_user: Callable[..., User]) -> Client:
    return signed_in(member(make_user("aud.auditor@example.test"), "Auditor"))


@pytest.fixture
def happened(db: None) -> Callable[..., AuditEvent]:
    """Something that happened on a day."""

    def happened(day: str = "2026-01-05", tag: str = "failed_login", level: str = "warning", **more: Any) -> AuditEvent:
        at = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
        return AuditEvent.objects.create(at=at, event=tag.replace("_", " ").title(), tag=tag, level=level, **more)

    return happened


def found(client: Client, **asked: str) -> list[AuditEvent]:
    """The rows of the list page, top to bottom."""
    answer = client.get(LIST, asked)
    assert answer.status_code == 200, answer.headers
    return list(answer.context["cl"].result_list)


def test_the_newest_is_first(as_auditor: Client, happened: Any) -> None:
    old, new, middle = happened("2025-03-01"), happened("2026-03-01"), happened("2025-09-01")
    assert found(as_auditor) == [new, middle, old]


def test_a_person_is_found_by_e_mail_and_by_uuid_whatever_the_event_knows(
    as_auditor: Client, happened: Any, pat: User
) -> None:
    by_name, by_uuid = happened(username="Pat.Picker@example.test"), happened("2026-01-06", user_uuid=pat.uuid)
    happened(username="sam.stacker@example.test")
    assert found(as_auditor, q=pat.email) == found(as_auditor, q=str(pat.uuid)) == [by_uuid, by_name]


def test_what_was_typed_and_is_nobodys_is_found_from_its_beginning(as_auditor: Client, happened: Any) -> None:
    wanted = happened(username="Root@example.test")
    happened(username="uproot@example.test")
    assert found(as_auditor, q="root@") == found(as_auditor, q="ROOT@example.test") == [wanted]
    assert found(as_auditor, q="%oot") == found(as_auditor, q="0" * 8) == []


def test_filters_narrow_by_event_level_and_day(as_auditor: Client, happened: Any) -> None:
    refused, entered = happened("2026-01-05"), happened("2026-01-06", "successful_login", "info")
    assert found(as_auditor, event="failed_login") == found(as_auditor, level="warning") == [refused]
    assert found(as_auditor, since="2026-01-06") == [entered]
    assert found(as_auditor, until="2026-01-05") == [refused]
    assert found(as_auditor, since="2026-01-05", until="2026-01-06") == [entered, refused]


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "9999-12-31"])
def test_a_day_that_is_none_is_refused_as_any_bad_filter(as_auditor: Client, happened: Any, day: str) -> None:
    answer = as_auditor.get(LIST, {"until": day})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{LIST}?e=1")


def test_nobody_changes_what_happened(as_ada: Client, happened: Any) -> None:
    event = happened(username="root@example.test")
    before = AuditEvent.objects.values().get()
    for path in (f"{LIST}add/", f"{LIST}{event.pk}/change/", f"{LIST}{event.pk}/delete/"):
        assert as_ada.post(path, {"event": "Nothing", "post": "yes"}).status_code == 403
    as_ada.post(LIST, {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"})
    assert AuditEvent.objects.values().get() == before


def test_one_event_shows_all_that_is_known(as_auditor: Client, happened: Any) -> None:
    event = happened(
        username="root@example.test",
        address="192.0.2.7",
        path="/token",
        details={"reason": "signed out", "was_on": True},
    )
    page = as_auditor.get(f"{LIST}{event.pk}/change/").content.decode()
    for text in (
        "Failed Login",
        "root@example.test",
        "192.0.2.7",
        "/token",
        "reason: signed out, was switched on: yes",
    ):
        assert text in page
    assert "/history/" not in page.partition('id="content"')[2]


def test_events_have_german_names(as_auditor: Client, happened: Any) -> None:
    happened(username="root@example.test")
    User.objects.update(language="de_DE")
    assert "Fehlgeschlagene Anmeldung" in as_auditor.get(LIST).content.decode()


def test_no_page_counts_further_than_anybody_would_page(as_auditor: Client, happened: Any) -> None:
    happened(username="root@example.test")
    for asked in ({}, {"event": "failed_login"}, {"q": "root@"}, {"level": "warning"}):
        with CaptureQueriesContext(connection) as queries:
            found(as_auditor, **asked)
        counts = [query["sql"] for query in queries if "COUNT(*)" in query["sql"] and "auditevent" in query["sql"]]
        assert counts
        assert [sql for sql in counts if f"LIMIT {CappedPaginator.MAX_ROWS + 1}" not in sql] == []
