"""Times in the Back Office: short, in the words of its person, and on the clock of the site."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.utils import timezone

from config.environment import Environment
from tests.support.api.client import ASSIGNMENTS, Api, sign_in
from tests.support.waiting import past_midnight
from users.models import Session, User

SESSIONS = "/admin/users/session/"
TOKYO = "Asia/Tokyo"


@pytest.fixture(autouse=True)
def nothing_counted_before() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def evening(pat: User) -> None:
    """A session from 20:30 of one day in UTC, which is 05:30 of the next in Tokyo."""
    sign_in(pat.email)
    Session.objects.update(created_at=datetime(2026, 3, 1, 20, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "language", "written"),
    [
        ("UTC", "en_US", "03/01/2026 20:30"),
        ("UTC", "de_DE", "01.03.2026 20:30"),
        (TOKYO, "en_US", "03/02/2026 05:30"),
        (TOKYO, "de_DE", "02.03.2026 05:30"),
    ],
)
def test_a_list_shows_times_on_the_clock_of_the_site(
    evening: None, as_manager: Client, settings: Any, zone: str, language: str, written: str
) -> None:
    settings.TIME_ZONE = zone
    User.objects.filter(is_warehouse_user=False).update(language=language)
    assert written in as_manager.get(SESSIONS).content.decode()


def test_the_dashboard_counts_the_days_of_the_site(pat: User, as_manager: Client, settings: Any) -> None:
    settings.TIME_ZONE = zone = "Pacific/Kiritimati"
    past_midnight(zone)
    sign_in(pat.email)
    midnight = timezone.now().astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    for moment, sign_ins in ((midnight, [1, 0]), (midnight - timedelta(seconds=1), [0, 1])):
        cache.clear()
        Session.objects.update(created_at=moment)
        days = as_manager.get("/admin/").context["days"]
        assert [(day.day, day.sign_ins) for day in days[:2]] == [
            (midnight.date() - timedelta(days=ago), sign_ins[ago]) for ago in range(2)
        ]


def test_the_api_answers_the_same_on_every_clock(as_pat: Api, settings: Any) -> None:
    answers = []
    for zone in ("UTC", TOKYO):
        settings.TIME_ZONE = zone
        answers.append(as_pat.get(ASSIGNMENTS).json())
    assert answers[0] == answers[1]


@pytest.mark.parametrize("name", ["Mars/Phobos", "../etc", "Europe", ""])
def test_a_time_zone_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TIME_ZONE", name)
    with pytest.raises(ImproperlyConfigured) as refusal:
        Environment().time_zone("TIME_ZONE", default="UTC")
    assert str(refusal.value) == f"TIME_ZONE must be a time zone such as Europe/Berlin, not {name!r}."
