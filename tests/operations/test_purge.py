"""`manage.py purge` forgets what is kept for a time only, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from axes.models import AccessFailureLog
from django.apps import apps
from django.contrib.sessions.models import Session as Cookie
from django.core.management import call_command
from django.utils import timezone

from assignments.models import WarehouseGrant
from config import retention
from tests.conftest import snapshot
from tests.support.api.client import Api, sign_in
from tests.support.back_office.staff import signed_in
from users.models import Session, User
from users.models.audit_event import AuditEvent


@pytest.fixture
def days(settings: Any) -> Callable[[float], Any]:
    """The moment so many days ago."""
    settings.AUDIT_DAYS = 30
    return lambda number: timezone.now() - timedelta(days=number)


def purge() -> str:
    told = StringIO()
    call_command("purge", stdout=told)
    return told.getvalue()


def test_security_events_are_forgotten_after_their_time(db: None, days: Any) -> None:
    for number in (29, 31, 300):
        AuditEvent.objects.create(at=days(number), event="Failed Login", tag="failed_login", level="warning")
    assert "2 security events" in purge()
    assert AuditEvent.objects.get().at > days(30)


def test_sessions_are_forgotten_long_after_they_were_over(pat: User, days: Any) -> None:
    kept = {name: _session(pat, **more) for name, more in {
        "running": {},
        "ended of late": {"ended_at": days(29)},
        "expired of late": {"expires_at": days(29)},
    }.items()}  # fmt: skip
    _session(pat, ended_at=days(31))
    _session(pat, expires_at=days(31))
    history: Any = apps.get_model("users.SessionEvent").objects
    before = history.count()
    assert "2 sessions" in purge()
    assert set(Session.objects.values_list("pk", flat=True)) == {session.pk for session in kept.values()}
    assert history.count() == before, "what was done stays in the history, and no more is added"


def _session(user: User, **changes: Any) -> Session:
    sign_in(user.email)
    session = Session.objects.order_by("created_at").last()
    assert session is not None
    Session.objects.filter(pk=session.pk).update(**changes)
    # Last, so that the next one is the newest again.
    Session.objects.filter(pk=session.pk).update(created_at=timezone.now() - timedelta(days=200))
    return session


def test_warehouse_grants_are_forgotten_when_they_have_expired(as_pat: Api, pat_north: Any, days: Any) -> None:
    pat_north.activate()
    for _ in range(2):
        as_pat.post("/warehouse-tokens")
    expired, running = WarehouseGrant.objects.all()
    WarehouseGrant.objects.filter(pk=expired.pk).update(expires_at=days(0))
    assert "1 warehouse grants" in purge()
    assert WarehouseGrant.objects.get() == running


def test_cookies_and_failures_are_forgotten_too(olive: User, days: Any) -> None:
    signed_in(olive)
    Cookie.objects.update(expire_date=days(1))
    AccessFailureLog.objects.create(username="nobody", ip_address="192.0.2.7", locked_out=False)
    AccessFailureLog.objects.update(attempt_time=days(91))
    purge()
    assert not Cookie.objects.exists()
    assert not AccessFailureLog.objects.exists()


def test_it_goes_on_until_all_are_gone(db: None, days: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_SIZE", 2)
    old = AuditEvent(at=days(31), event="Failed Login", tag="failed_login", level="warning")
    AuditEvent.objects.bulk_create([old] * 5)
    assert "5 security events" in purge()


def test_nothing_else_is_forgotten(as_pat: Api, pat_north: Any, pat_river: Any, days: Any) -> None:
    pat_north.activate()
    as_pat.post("/warehouse-tokens")
    before = snapshot()
    purge()
    assert snapshot() == before


def test_assignments_that_are_over_are_stored_as_inactive_and_the_history_says_why(
    pat_north: Any, sam_north: Any, days: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH_SIZE", 1)
    for row, ends_at in ((pat_north, days(1)), (sam_north, days(-1))):
        row.activate()
        type(row).objects.filter(pk=row.pk).update(ends_at=ends_at)
    User.objects.filter(pk=pat_north.user_id).update(is_warehouse_user=False)  # which refuses other changes
    before = pat_north.events.count(), sam_north.events.count()
    assert "1 assignments" in purge()
    assert type(pat_north).objects.get(is_active=True) == sam_north
    assert (pat_north.events.count(), sam_north.events.count()) == (before[0] + 1, before[1])
    event = pat_north.events.latest("pgh_id")
    assert (event.is_active, event.pgh_label, event.pgh_context) == (False, "update", {"reason": "ended"})
    assert "0 assignments" in purge()
