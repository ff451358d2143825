"""Signing keys: rotated without signing anyone out, replaced in one go when one has leaked, shown to nobody."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from assignments.models import WarehouseUserAssignment
from tests.support.api.bad_bodies import Watch
from tests.support.api.bad_tokens import refused_everywhere
from tests.support.api.client import ASSIGNMENTS, INVALID_TOKEN, Api, sign_in
from tests.support.oauth.held_tokens import holds
from tests.support.oauth.signing_keys import published, refresh, rotate, signer_of
from users.models import User
from users.models.oauth.signing_key import REREAD_FOR_UNKNOWN_SECONDS, REREAD_SECONDS, SigningKey
from users.oauth.key_ring import KeyRing, key_ring

pytestmark = pytest.mark.django_db

WEEK = timedelta(seconds=604_800)
CLAIMS = {"iss": settings.ISSUER, "exp": 2**40}


@pytest.fixture(autouse=True)
def _ring(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Afterwards, the keys that other tests know are back."""
    monkeypatch.setattr(key_ring, "_keys", key_ring.keys)


def pass_by(seconds: float) -> None:
    """Makes every key older, as if so long had passed."""
    for key in SigningKey.objects.all():
        key.created_at -= timedelta(seconds=seconds)
        key.signs_from -= timedelta(seconds=seconds)
        key.verifies_until = key.verifies_until and key.verifies_until - timedelta(seconds=seconds)
        key.save()
    key_ring.read()


# --- Rotating ---------------------------------------------------------------------------------------------------
def test_a_new_key_is_published_before_it_signs(olive: User) -> None:
    old = key_ring.current

    new = rotate()

    assert published() == [new.kid, old.kid]
    assert signer_of(sign_in(olive.email)["access_token"]) == old.kid
    pass_by(settings.KEY_PUBLISHED_SECONDS)
    assert signer_of(sign_in(olive.email)["access_token"]) == old.kid  # clocks differ
    pass_by(settings.CLOCK_SKEW_SECONDS + REREAD_FOR_UNKNOWN_SECONDS)
    assert signer_of(sign_in(olive.email)["access_token"]) == new.kid


def test_the_published_keys_may_be_kept_no_longer_than_a_new_one_waits(settings: Any) -> None:
    for seconds in (300, 60):
        settings.KEY_PUBLISHED_SECONDS = seconds
        answer = Client().get("/.well-known/jwks.json")
        assert answer["Cache-Control"] == f"public, max-age={seconds}"


def test_nobody_is_signed_out_by_a_rotation(as_pat: Api, assignment: WarehouseUserAssignment) -> None:
    signed_in = sign_in(assignment.user.email)
    warehouse_token = as_pat.post("/warehouse-tokens").json()[0]["accessToken"]

    for _ in range(5):
        rotate("--now")
        pass_by(60)

    assert len(published()) == 6
    assert Api(signed_in["access_token"]).get(ASSIGNMENTS).status_code == 200
    assert holds(warehouse_token)
    refreshed = refresh(signed_in["refresh_token"]).json()
    assert signer_of(refreshed["access_token"]) == published()[0]
    assert Api(refreshed["access_token"]).get(ASSIGNMENTS).status_code == 200


def test_an_old_key_verifies_until_its_last_token_has_ended(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch
) -> None:
    old = SigningKey.objects.get()
    new = rotate()
    old.refresh_from_db()
    assert (old.verifies_until or new.created_at) - new.signs_from >= WEEK

    pass_by((timezone.now() + WEEK - new.created_at).total_seconds())
    assert as_olive.get(ASSIGNMENTS).status_code == 200

    pass_by(2 * REREAD_SECONDS + settings.KEY_PUBLISHED_SECONDS)
    with nothing_changes():
        refused_everywhere(f"Bearer {as_olive.token}", INVALID_TOKEN)
    assert published() == [new.kid]


@pytest.mark.parametrize("command", ["rotate_signing_key", "purge"])
def test_a_key_that_has_ended_goes_with_the_next_rotation_or_purge(command: str) -> None:
    ended = key_ring.current
    second = rotate("--now")
    pass_by(2 * WEEK.total_seconds())
    assert SigningKey.objects.count() == 2

    call_command(command)

    kept = set(SigningKey.objects.values_list("kid", flat=True))
    assert second.kid in kept
    assert ended.kid not in kept


def test_now_waits_only_until_every_server_can_know_the_key(olive: User) -> None:
    old, new = key_ring.current, rotate("--now")

    seconds = settings.CLOCK_SKEW_SECONDS + REREAD_FOR_UNKNOWN_SECONDS
    assert new.signs_from - new.created_at == timedelta(seconds=seconds)
    assert signer_of(sign_in(olive.email)["access_token"]) == old.kid
    pass_by(seconds)
    assert signer_of(sign_in(olive.email)["access_token"]) == new.kid


def test_a_key_that_was_overtaken_while_it_waited_never_signs() -> None:
    rotate()
    overtaking = rotate("--now")

    for seconds in (settings.CLOCK_SKEW_SECONDS + REREAD_FOR_UNKNOWN_SECONDS, 2 * settings.KEY_PUBLISHED_SECONDS):
        pass_by(seconds)
        assert key_ring.current.kid == overtaking.kid


def test_the_command_reports_when_each_key_signs_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    second, third = rotate("--now"), rotate()

    (first,) = SigningKey.objects.exclude(pk__in=[second.pk, third.pk])
    second.refresh_from_db()
    assert capsys.readouterr().out.splitlines()[-4:] == [
        f"{third.kid}  signs from {third.signs_from:%F %T} UTC",
        f"{second.kid}  signs from {second.signs_from:%F %T} UTC, verifies until {second.verifies_until:%F %T} UTC",
        f"{first.kid}  signs now, verifies until {first.verifies_until:%F %T} UTC",
        "Running servers follow within 60 seconds, restarted ones at once.",
    ]


def test_now_and_compromised_exclude_each_other(nothing_changes: Watch) -> None:
    with nothing_changes(), pytest.raises(CommandError, match="not allowed with argument"):
        call_command("rotate_signing_key", "--now", "--compromised")


# --- Shown to nobody --------------------------------------------------------------------------------------------
def test_no_private_key_is_published_logged_printed_or_kept_in_clear(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        for options in ((), ("--now",), ("--compromised",), ()):
            rotate(*options)
            keys = Client().get("/.well-known/jwks.json").json()["keys"]
            assert [set(key) for key in keys] == [{"kty", "use", "alg", "kid", "n", "e"}] * len(key_ring.keys)
    with connection.cursor() as cursor:
        cursor.execute("SELECT encode(encrypted, 'escape'), * FROM users_signingkey")
        stored = str(cursor.fetchall())
    shown = " ".join(f"{key} {key!r} {vars(key)}" for key in key_ring.keys.values())
    everything = caplog.text + "".join(capsys.readouterr()) + stored + shown
    for key in key_ring.keys.values():
        numbers = key.private.private_numbers()
        der = key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        for secret in (numbers.d, numbers.p, numbers.q, hex(numbers.d)[2:], der[100:200].hex(), str(der)[200:300]):
            assert str(secret) not in everything


def test_each_rotation_is_an_audit_line_with_the_id_of_the_key(caplog: pytest.LogCaptureFixture, pat: User) -> None:
    sign_in(pat.email)
    old = key_ring.current
    caplog.clear()

    rotated, replaced = rotate(), rotate("--compromised")

    assert [_audited(record) for record in caplog.records if record.name == "security"] == [
        {"kid": rotated.kid, "signs_from": rotated.signs_from.isoformat()},
        {"kid": replaced.kid, "compromised": [rotated.kid, old.kid], "sessions": 1},
    ]


def _audited(record: logging.LogRecord) -> dict[str, Any]:
    line: Any = record.msg
    assert (line["event"], line["tag"]) == ("Signing Key Rotated", "signing_key_rotated")
    return {name: line[name] for name in ("kid", "signs_from", "compromised", "sessions") if name in line}


# --- The first key, and a new SECRET_KEY ------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_of_those_who_race_for_the_first_key_one_makes_it() -> None:
    SigningKey.objects.all().delete()
    processes = 8
    barrier = Barrier(processes)

    def first_use() -> str:
        ring = KeyRing("RS256")
        barrier.wait()
        try:
            return ring.current.kid
        finally:
            connection.close()

    with ThreadPoolExecutor(processes) as threads:
        kids = {future.result() for future in [threads.submit(first_use) for _ in range(processes)]}

    assert kids == {SigningKey.objects.get().kid}


@pytest.mark.django_db(transaction=True)
def test_rotations_at_the_same_time_wait_for_each_other() -> None:
    barrier = Barrier(4)

    def rotate_at_once() -> None:
        barrier.wait()
        try:
            SigningKey.objects.rotate(published_seconds=0)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        for future in [threads.submit(rotate_at_once) for _ in range(4)]:
            future.result()

    newest, *others = SigningKey.objects.all()
    assert (newest.verifies_until, len(others)) == (None, 4)
    assert all(key.verifies_until for key in others)


def test_the_secret_key_before_it_opens_the_old_signing_key(as_olive: Api, settings: Any) -> None:
    old = key_ring.current
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another " * 10
    key_ring.read()
    assert published() == [old.kid]
    assert as_olive.get(ASSIGNMENTS).status_code == 200


# --- Servers that are running -----------------------------------------------------------------------------------
class Clock:
    """Stands still, unless told otherwise."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("users.oauth.key_ring.monotonic", clock)
    monkeypatch.setattr("users.oauth.key_ring.REREAD_SECONDS", REREAD_SECONDS)
    return clock


@pytest.fixture
def server(clock: Clock) -> KeyRing:
    """Another process, which has read the keys."""
    server = KeyRing("RS256", issuer=settings.ISSUER, leeway=settings.CLOCK_SKEW_SECONDS)
    server.read()
    return server


@contextmanager
def silent_database() -> Iterator[None]:
    def silent(*_: Any) -> Any:
        raise OperationalError("the connection is closed")

    with connection.execute_wrapper(silent):
        yield


def test_keys_are_read_once_and_again_after_a_minute(
    server: KeyRing, clock: Clock, django_assert_num_queries: Callable[[int], Any]
) -> None:
    token = server.encode(CLAIMS)
    for passing_seconds, queries in ((0, 0), (59, 0), (1, 1), (59, 0), (1, 1)):
        clock.seconds += passing_seconds
        with django_assert_num_queries(queries):
            for _ in range(3):
                server.decode(token)
                server.encode(CLAIMS)


def test_a_server_believes_a_key_that_it_has_not_read_yet(server: KeyRing, clock: Clock) -> None:
    clock.seconds += REREAD_FOR_UNKNOWN_SECONDS  # a new key never signs earlier
    new = SigningKey.objects.rotate(published_seconds=0)
    token = jwt.encode(CLAIMS, new.private, "RS256", headers={"kid": new.kid})

    assert server.decode(token) == CLAIMS


def test_unknown_keys_are_looked_for_once_a_second_at_most(
    server: KeyRing, clock: Clock, django_assert_num_queries: Callable[[int], Any]
) -> None:
    tokens = [jwt.encode({}, key_ring.current.private, "RS256", headers={"kid": f"unknown {n}"}) for n in range(9)]
    for passing_seconds, queries in ((0, 0), (0.9, 0), (0.1, 1), (0.9, 0)):
        clock.seconds += passing_seconds
        with django_assert_num_queries(queries):
            for token in tokens:
                with pytest.raises(Exception, match="Token is invalid"):
                    server.decode(token)


def test_while_the_database_is_away_the_keys_last_read_are_good_enough(server: KeyRing, clock: Clock) -> None:
    token = server.encode(CLAIMS)
    clock.seconds += REREAD_SECONDS
    with silent_database():
        assert server.decode(token) == CLAIMS
        assert list(server.newest_keys) == [key_ring.current.kid]
    new = SigningKey.objects.rotate(published_seconds=0)
    clock.seconds += REREAD_FOR_UNKNOWN_SECONDS  # and not a minute
    assert list(server.keys) == [new.kid, key_ring.current.kid]


def test_a_server_that_has_read_no_key_yet_says_that_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "_keys", {})
    with silent_database():
        answer = Client().get("/.well-known/jwks.json")
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert answer.json() == {
        "error": "server_error",
        "error_description": "The database does not answer at the moment. Please try again.",
    }


# --- Steps ------------------------------------------------------------------------------------------------------
@pytest.fixture
def assignment(pat_north: WarehouseUserAssignment) -> WarehouseUserAssignment:
    """Pat works in North Dock now."""
    pat_north.activate()
    return pat_north
