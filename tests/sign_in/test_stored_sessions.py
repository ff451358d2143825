"""What the table of Back Office sessions gives away: nothing to come in with, and nothing of what a session holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings as site
from django.contrib.sessions.models import Session as BrowserSession
from django.test import Client
from django.utils import timezone

from config.web.back_office_sessions import SessionStore
from tests.support.sign_in.login import is_in, log_in
from users.models import User


@pytest.fixture
def inside(olive: User) -> Client:
    client = Client()
    log_in(olive.email, client=client)
    assert is_in(client)
    return client


def cookie_of(client: Client) -> str:
    return client.cookies[site.SESSION_COOKIE_NAME].value


def with_cookie(value: str) -> Client:
    client = Client()
    client.cookies[site.SESSION_COOKIE_NAME] = value
    return client


def test_the_cookie_opens_the_session_and_its_stored_digest_does_not(inside: Client) -> None:
    row = BrowserSession.objects.get()
    assert is_in(with_cookie(cookie_of(inside)))
    assert row.session_key != cookie_of(inside)
    assert not is_in(with_cookie(row.session_key))


def test_what_a_session_holds_cannot_be_read(inside: Client) -> None:
    session = inside.session
    session["note"] = "between us"
    session.save()
    assert inside.session["note"] == "between us"
    row = BrowserSession.objects.get()
    assert "between us" not in row.session_data
    assert row.get_decoded() == {}


def test_a_session_of_another_secret_key_is_none(inside: Client, settings: Any) -> None:
    settings.SECRET_KEY = "another " * 10
    assert not is_in(inside)


def test_the_secret_key_before_still_opens_sessions(inside: Client, settings: Any) -> None:
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another " * 10
    assert is_in(inside)


def test_a_row_that_somebody_wrote_by_hand_opens_nothing(inside: Client) -> None:
    BrowserSession.objects.update(session_data="e30")
    assert not is_in(inside)


def test_a_session_that_is_over_leaves_no_row(inside: Client) -> None:
    inside.post("/admin/logout/")
    assert BrowserSession.objects.count() == 0


def test_an_expired_session_is_none(inside: Client) -> None:
    BrowserSession.objects.update(expire_date=timezone.now())
    assert not is_in(inside)


def test_half_a_day_after_signing_in_one_signs_in_again(olive: User) -> None:
    """Twelve hours, as OWASP ASVS 3.3.2 asks of level 2."""
    client, begun = Client(), timezone.now()
    log_in(olive.email, client=client)
    ends = BrowserSession.objects.get().expire_date
    assert timedelta(0) <= ends - begun - timedelta(hours=12) < timedelta(minutes=1)
    assert 43_140 < int(client.cookies[site.SESSION_COOKIE_NAME]["max-age"]) <= 43_200


def test_being_busy_keeps_nobody_in(olive: User, settings: Any) -> None:
    """What a page keeps in the session sets its end anew: to the same moment."""
    client, usual = Client(), settings.SESSION_COOKIE_AGE
    settings.SESSION_COOKIE_AGE = 600  # as if most of the time had passed
    log_in(olive.email, client=client)
    ends = BrowserSession.objects.get().expire_date
    settings.SESSION_COOKIE_AGE = usual
    session = client.session
    session["note"] = "still busy"
    session.save()
    assert abs(BrowserSession.objects.get().expire_date - ends) < timedelta(seconds=1)
    assert is_in(client)


def test_a_cookie_that_somebody_chose_is_not_taken_over(olive: User) -> None:
    """Session fixation: who signs in is given a cookie of ours, whatever they came with."""
    chosen = "a" * 32
    client = with_cookie(chosen)
    log_in(olive.email, client=client)
    assert is_in(client)
    assert cookie_of(client) != chosen
    assert not is_in(with_cookie(chosen))


def test_the_cookie_changes_with_the_sign_in(olive: User) -> None:
    """What stood in the browser before, a person who shares the device may have kept."""
    client = Client()
    log_in(olive.email, client=client)
    before = cookie_of(client)
    client.post("/admin/logout/")
    log_in(olive.email, client=client)
    assert cookie_of(client) != before
    assert not is_in(with_cookie(before))


def test_asynchronous_code_finds_and_leaves_the_same(db: None) -> None:
    """Django's session stores have an asynchronous twin of each method: none may go by the raw cookie."""
    cookie = async_to_sync(_begin)()
    row = BrowserSession.objects.get()
    assert row.session_key != cookie
    assert "between us" not in row.session_data
    assert SessionStore(cookie)["note"] == "between us"
    assert async_to_sync(SessionStore(cookie).aget)("note") == "between us"
    assert async_to_sync(SessionStore().aexists)(cookie)
    assert not async_to_sync(SessionStore().aexists)(row.session_key)
    assert async_to_sync(SessionStore(row.session_key).aload)() == {}
    async_to_sync(SessionStore(cookie).adelete)()
    assert BrowserSession.objects.count() == 0


async def _begin() -> str:
    session = SessionStore()
    await session.aset("note", "between us")
    await session.asave()
    return str(session.session_key)
