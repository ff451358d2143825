"""A server whose `SECRET_KEY` opens none of the signing keys makes none: it is not ready until an operator decides."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from config.api.errors import NO_SIGNING_KEY, ApiError
from tests.support.api.bad_bodies import Watch
from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, PASSWORD, Api, error, refusal, sign_in
from tests.support.oauth.signing_keys import published, signer_of
from tests.support.servers.concurrency import wait_until_blocked
from users.models import User
from users.models.oauth.signing_key import SigningKey, _exclusively
from users.oauth.key_ring import KeyRing, key_ring

pytestmark = pytest.mark.django_db

WEEK = timedelta(seconds=604_800)
ANOTHER_SECRET_KEY = "another " * 10
OAUTH_ROUTES = ("/authorize", "/token", "/revoke", "/introspect")


@pytest.fixture(autouse=True)
def _ring(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Afterwards, the keys that other tests know are back."""
    monkeypatch.setattr(key_ring, "_keys", key_ring.keys)
    monkeypatch.setattr(key_ring, "_read_at", key_ring._read_at)


@pytest.fixture
def wrong_secret_key(settings: Any) -> None:
    settings.SECRET_KEY = ANOTHER_SECRET_KEY
    key_ring.mark_outdated()


@pytest.mark.parametrize("ended", [False, True], ids=["keys in use", "keys that have ended"])
def test_a_server_that_can_read_no_key_makes_none_whoever_asks(
    as_olive: Api, olive: User, wrong_secret_key: None, nothing_changes: Watch, *, ended: bool
) -> None:
    if ended:
        SigningKey.objects.update(verifies_until=timezone.now() - WEEK)
    plain = [{"message": NO_SIGNING_KEY.detail, "status": 503, "code": None}]
    oauth = {"error": "server_error", "error_description": NO_SIGNING_KEY.detail}
    named = {"username": olive.email, "password": PASSWORD}
    key_set = "/.well-known/jwks.json"
    with nothing_changes():
        for answer, told in [
            (Client().get("/health/ready"), plain),
            (Client().get(key_set), oauth),
            *((Client().post(path, named | {"grant_type": "password"}), oauth) for path in OAUTH_ROUTES),
            (as_olive.get(ASSIGNMENTS), {"errors": [error(503, NO_SIGNING_KEY.detail)]}),
            (as_olive.post("/warehouse-tokens"), plain),
        ]:
            assert (answer.status_code, answer["Retry-After"], answer.json()) == (503, "1", told)
            assert answer["Cache-Control"] == "no-store"


def test_a_server_whose_keys_were_replaced_under_another_secret_key_believes_them_no_longer(
    as_olive: Api, settings: Any
) -> None:
    secret_key, settings.SECRET_KEY = settings.SECRET_KEY, ANOTHER_SECRET_KEY
    SigningKey.objects.replace_all()
    settings.SECRET_KEY = secret_key
    key_ring.mark_outdated()

    for _ in range(2):
        assert refusal(as_olive.get(ASSIGNMENTS)) == [error(503, NO_SIGNING_KEY.detail)]


def test_it_is_ready_once_an_operator_has_rotated_the_key_with_its_secret_key(
    as_olive: Api, olive: User, wrong_secret_key: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (old,) = SigningKey.objects.all()

    call_command("rotate_signing_key")

    new = SigningKey.objects.exclude(pk=old.pk).get()
    old.refresh_from_db()
    assert capsys.readouterr().out.splitlines() == [
        f"{new.kid}  signs now",
        f"{old.kid}  cannot be read with this SECRET_KEY, verifies until {old.verifies_until:%F %T} UTC",
        "Keys that this SECRET_KEY does not open: 1. Servers with this SECRET_KEY believe none of their tokens, and "
        "servers with another one none of the new key: give all of them the same.",
        "Running servers follow within 60 seconds, restarted ones at once.",
    ]
    assert Client().get("/health/ready").status_code == 200
    assert published() == [new.kid]
    assert signer_of(sign_in(olive.email)["access_token"]) == new.kid
    assert refusal(as_olive.get(ASSIGNMENTS)) == [INVALID_TOKEN]


def test_replacing_all_keys_reports_those_that_could_not_be_read(
    wrong_secret_key: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("rotate_signing_key", "--compromised")

    (new,) = SigningKey.objects.all()
    assert capsys.readouterr().out.splitlines() == [
        "All older keys are removed. Sessions ended: 0.",
        f"{new.kid}  signs now",
        "Keys that this SECRET_KEY does not open: 1. Servers with this SECRET_KEY believe none of their tokens, and "
        "servers with another one none of the new key: give all of them the same.",
        "No token of an older key is believed from the next request on.",
    ]


@pytest.mark.django_db(transaction=True)
def test_of_two_servers_with_different_secret_keys_at_an_empty_database_one_makes_the_key(settings: Any) -> None:
    """The second waits for the first, and then makes none."""
    SigningKey.objects.all().delete()
    first = SigningKey.generate()
    first.created_at = first.signs_from = timezone.now()
    settings.SECRET_KEY = ANOTHER_SECRET_KEY

    def second_server() -> str:
        try:
            return KeyRing("RS256").current.kid
        except ApiError as refused:
            return str(refused)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with _exclusively():
            first.save(force_insert=True)
            answer = threads.submit(second_server)
            wait_until_blocked(connection.connection)
        assert answer.result() == NO_SIGNING_KEY.detail
    assert list(SigningKey.objects.values_list("kid", "verifies_until")) == [(first.kid, None)]
