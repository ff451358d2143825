"""Changing `SECRET_KEY`: nobody is signed out, and what is stored encrypted can do without the old one."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.contrib.sessions.models import Session as BrowserSession
from django.core.management import CommandError, call_command
from django.test import Client

from config.spreadsheets.models import Export, Import
from tests.support.api.client import ASSIGNMENTS, Api, sign_in
from tests.support.oauth.refreshing import refresh
from tests.support.sign_in.login import is_in, log_in
from tests.support.sign_in.two_factor import SECOND_STEP, app_of, calm, code_of, enrol
from users.models import Authenticator, User
from users.models.oauth.signing_key import SigningKey
from users.oauth.key_ring import key_ring

NEW = "another " * 10


@pytest.fixture
def new_secret(settings: Any) -> Any:
    """Sets a new `SECRET_KEY`, with the old one as a fallback."""

    def change() -> None:
        settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], NEW
        key_ring.read()

    yield change
    key_ring.mark_outdated()


@pytest.fixture
def inside(olive: User) -> Client:
    client = Client()
    log_in(olive.email, client=client)
    assert is_in(client)
    return client


@pytest.fixture
def waiting(olive: User) -> Import:
    return Import.objects.begin(kind="users.user", person=olive, language="en", file_name="a.csv", content=b"a file")


@pytest.fixture
def built(olive: User) -> Export:
    return Export.objects.begin(kind="users.user", person=olive, language="en", file_name="a", content=b"a workbook")


def told() -> list[str]:
    out = StringIO()
    call_command("reencrypt_secrets", stdout=out)
    return out.getvalue().splitlines()


def test_a_new_secret_signs_nobody_out(inside: Client, pat: User, olive: User, new_secret: Any) -> None:
    issued, retried = sign_in(pat.email), sign_in(pat.email)["refresh_token"]
    successor = refresh(retried).json()["refresh_token"]
    enrol(inside)
    calm(olive)
    new_secret()

    assert Api(issued["access_token"]).get(ASSIGNMENTS).status_code == 200
    assert refresh(issued["refresh_token"]).status_code == 200
    assert refresh(retried).json()["refresh_token"].split(".")[:3] == successor.split(".")[:3], "the retry of a refresh"
    assert is_in(inside)
    elsewhere = Client()
    log_in(olive.email, client=elsewhere)
    elsewhere.post(SECOND_STEP, {"code": code_of(app_of(olive))})
    assert is_in(elsewhere)


def test_after_encrypting_anew_the_old_secret_is_not_needed(
    inside: Client, pat: User, olive: User, waiting: Import, built: Export, new_secret: Any, settings: Any
) -> None:
    issued, kid = sign_in(pat.email), key_ring.current.kid
    enrol(inside)
    calm(olive)
    code = code_of(app_of(olive))
    new_secret()
    refreshed = refresh(issued["refresh_token"]).json()
    assert is_in(inside)  # whoever comes back while the old secret still counts has a session of the new one

    assert sorted(told()) == [
        "Authenticators: 1 encrypted anew.",
        "Back Office sessions: 1 encrypted anew.",
        "Exports: 1 encrypted anew.",
        "Imports: 1 encrypted anew.",
        "Signing keys: 1 encrypted anew.",
        "Undos: 0 encrypted anew.",
    ]
    settings.SECRET_KEY_FALLBACKS = []
    key_ring.read()
    assert list(key_ring.keys) == [kid]
    assert (waiting.read(), built.read()) == (b"a file", b"a workbook")
    assert is_in(inside)
    assert Api(refreshed["access_token"]).get(ASSIGNMENTS).status_code == 200
    assert refresh(refreshed["refresh_token"]).status_code == 200
    elsewhere = Client()
    log_in(olive.email, client=elsewhere)
    elsewhere.post(SECOND_STEP, {"code": code})
    assert is_in(elsewhere)


def test_what_no_secret_opens_stays_and_is_counted(
    inside: Client, olive: User, waiting: Import, new_secret: Any, settings: Any
) -> None:
    enrol(inside)
    settings.SECRET_KEY = NEW
    stored = _stored()

    with pytest.raises(CommandError) as refusal:
        told()

    assert str(refusal.value) == (
        "4 rows open neither with SECRET_KEY nor with one of SECRET_KEY_FALLBACKS, and stay as they are. If an older "
        "secret is still known, add it to SECRET_KEY_FALLBACKS and run this again."
    )
    assert _stored() == stored


def test_a_retry_whose_successor_no_secret_knows_ends_the_session(pat: User, settings: Any) -> None:
    first = sign_in(pat.email)["refresh_token"]
    refresh(first)
    settings.SECRET_KEY = NEW
    assert refresh(first).status_code == 400


def _stored() -> list[Any]:
    return [
        *Import.objects.values_list("content", flat=True),
        *SigningKey.objects.values_list("encrypted", flat=True),
        *Authenticator.objects.values_list("key", flat=True),
        *BrowserSession.objects.values_list("session_data", flat=True),
    ]
