"""`POST /token`: the password and refresh grants (contract sections 2.1, 4 and 0.4)."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.support.api.client import ASSIGNMENTS, FORM, INVALID_TOKEN, PASSWORD, Api, refusal, sign_in
from tests.support.oauth.refreshing import BAD_REFRESH_TOKEN, refresh, token
from users.models import Session, User

WRONG_CREDENTIALS = {"error": "invalid_grant", "error_description": "The user credentials were incorrect."}


def claims(access_token: str) -> dict[str, Any]:
    return jwt.decode(access_token, options={"verify_signature": False})


# --- Password ---------------------------------------------------------------------------------------------------
def test_the_answer_is_exactly_one_flat_object(olive: User) -> None:
    answer = token(grant_type="password", username=olive.email, password=PASSWORD)
    body = answer.json()
    assert answer.status_code == 200
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 28_800)
    assert set(body) == {"token_type", "expires_in", "access_token", "refresh_token"}
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    assert "WWW-Authenticate" not in answer


def test_the_claims_are_the_documented_ones(olive: User, settings: Any) -> None:
    before = int(time.time())
    access_token = sign_in(olive.email)["access_token"]
    found, session = claims(access_token), Session.objects.get()
    assert jwt.get_unverified_header(access_token).keys() == {"typ", "alg", "kid"}
    assert json.loads(found.pop("sub")) == {"user_reference": None, "id_user": olive.pk, "uuid": str(olive.uuid)}
    issued, not_before, expires = found.pop("iat"), found.pop("nbf"), found.pop("exp")
    assert {type(moment) for moment in (issued, not_before, expires)} == {int}  # strict clients refuse fractions
    assert (before <= issued <= time.time(), not_before, expires) == (True, issued, issued + 28_800)
    assert len(bytes.fromhex(found.pop("jti"))) == 40
    assert found == {
        "iss": settings.ISSUER,
        "aud": "frontend",
        "sid": str(session.pk),
        "scopes": ["user", "back-office-user"],
    }


def test_a_sign_in_is_a_session_with_client_address_and_browser(pat: User) -> None:
    token(grant_type="password", username=pat.email, password=PASSWORD, client_id="frontend")
    session = Session.objects.get()
    assert (session.user, session.client_id, session.address) == (pat, "frontend", "192.0.2.7")
    assert (session.user_agent, session.ended_at, session.end_reason) == ("Handheld 9", None, "")


@pytest.mark.parametrize("address", ["unknown", "10.0.0.1:443", ""])
def test_a_sign_in_from_no_address_known_to_us_is_none_the_worse(pat: User, address: str) -> None:
    credentials = {"grant_type": "password", "username": pat.email, "password": PASSWORD}
    answer = Client(REMOTE_ADDR=address).post("/token", urlencode(credentials), content_type=FORM)
    assert (answer.status_code, Session.objects.get().address) == (200, None)


def test_the_email_is_known_in_any_case_of_letters(pat: User) -> None:
    assert sign_in("PAT.Picker@Example.Test")


@pytest.mark.parametrize(
    ("flag", "requested", "granted"),
    [
        (False, None, ["user", "back-office-user"]),
        (False, "user", ["user"]),
        (False, "back-office-user user", ["user", "back-office-user"]),
        (False, "warehouse-user", ["user"]),
        (False, "nonsense", ["user", "back-office-user"]),
        (True, None, ["user", "warehouse-user"]),
        (True, "user", ["user", "warehouse-user"]),
        (True, "back-office-user", ["user", "warehouse-user"]),
        (True, "warehouse", ["user", "warehouse-user"]),
    ],
)
def test_scopes_come_from_the_account_and_are_only_narrowed(
    make_user: Callable[..., User], flag: bool, requested: str | None, granted: list[str]
) -> None:
    user = make_user("who.ever@example.test", is_warehouse_user=flag)
    asked = {} if requested is None else {"scope": requested}
    issued = sign_in(user.email, **asked)
    assert claims(issued["access_token"])["scopes"] == granted
    assert claims(refresh(issued["refresh_token"]).json()["access_token"])["scopes"] == granted


def test_a_token_for_exactly_user_counts_as_a_back_office_token(olive: User, sam_north: Any) -> None:
    api = Api(sign_in(olive.email, scope="user")["access_token"])
    assert len(api.get(ASSIGNMENTS).json()["data"]) == 1


@pytest.mark.parametrize("status", ["blocked", "deleted"])
def test_all_who_cannot_sign_in_get_the_same_answer(
    pat: User, sam: User, status: str, nothing_changes: Callable[[], Any]
) -> None:
    User.objects.filter(pk=sam.pk).update(status=status)
    with nothing_changes():
        for username, password in (
            (pat.email, "wrong-Horse-7!"),
            (pat.email, PASSWORD + " "),
            ("nobody@example.test", PASSWORD),
            (sam.email, PASSWORD),
        ):
            answer = token(grant_type="password", username=username, password=password)
            assert (answer.status_code, answer.json()) == (400, WRONG_CREDENTIALS)
            assert answer["Cache-Control"] == "no-store"


def test_an_unknown_user_costs_as_much_work_as_a_wrong_password(pat: User, monkeypatch: Any) -> None:
    from users.sign_in.hashers import OwaspArgon2Hasher

    hashed: list[str] = []
    params = OwaspArgon2Hasher.params

    def counted(self: OwaspArgon2Hasher) -> Any:
        hashed.append("once")
        return params(self)

    monkeypatch.setattr(OwaspArgon2Hasher, "params", counted)
    token(grant_type="password", username="nobody@example.test", password=PASSWORD)
    assert hashed == ["once"]


@pytest.mark.usefixtures("real_hashing")
def test_passwords_are_kept_as_argon2id_at_owasps_parameters(pat: User) -> None:
    assert pat.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


def test_sign_ins_are_logged_with_the_name_and_never_the_password(pat: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="security"):
        sign_in(pat.email)
        token(grant_type="password", username=pat.email, password="wrong-Horse-7!")
    lines: list[Any] = [record.msg for record in caplog.records if record.name == "security"]
    assert [(line["event"], line["tag"], line["username"]) for line in lines] == [
        ("Successful Login", "successful_login", pat.email),
        ("Failed Login", "failed_login", pat.email),
    ]
    assert "Horse" not in caplog.text


# --- Refresh ----------------------------------------------------------------------------------------------------
def test_a_refresh_gives_new_tokens_for_the_same_session(pat: User) -> None:
    first = sign_in(pat.email)
    answer = refresh(first["refresh_token"], client_id="frontend")
    second = answer.json()
    assert answer.status_code == 200
    assert set(second) == set(first)
    assert second["refresh_token"] != first["refresh_token"]
    assert claims(second["access_token"])["sid"] == claims(first["access_token"])["sid"]
    assert Api(second["access_token"]).get(ASSIGNMENTS).status_code == 200


def test_a_lost_answer_may_be_asked_for_once_more_and_is_the_same(pat: User) -> None:
    first = sign_in(pat.email)
    second, again = refresh(first["refresh_token"]).json(), refresh(first["refresh_token"]).json()
    assert again["refresh_token"] == second["refresh_token"]
    third = refresh(second["refresh_token"])
    assert third.status_code == 200


def assert_ended(answer: Any, access_token: str) -> None:
    """The refusal, and what it means: the whole session is over, and says why."""
    assert (answer.status_code, answer.json()) == (400, BAD_REFRESH_TOKEN)
    assert refusal(Api(access_token).get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert Session.objects.get().end_reason == "refresh token used twice"


def test_a_second_retry_ends_the_session(pat: User) -> None:
    first = sign_in(pat.email)
    second = refresh(first["refresh_token"]).json()
    refresh(first["refresh_token"])
    assert_ended(refresh(first["refresh_token"]), second["access_token"])
    assert refresh(second["refresh_token"]).json() == BAD_REFRESH_TOKEN


def test_a_retry_after_the_grace_window_ends_the_session(pat: User, settings: Any) -> None:
    first = sign_in(pat.email)
    second = refresh(first["refresh_token"]).json()
    late = timezone.now() - timedelta(seconds=settings.REFRESH_GRACE_SECONDS + 1)
    Session.objects.update(refreshed_at=late)
    assert_ended(refresh(first["refresh_token"]), second["access_token"])


def test_a_token_from_further_back_ends_the_session(pat: User) -> None:
    first = sign_in(pat.email)
    second = refresh(first["refresh_token"]).json()
    third = refresh(second["refresh_token"]).json()
    assert_ended(refresh(first["refresh_token"]), third["access_token"])


def test_an_invented_token_ends_nothing(pat: User, nothing_changes: Callable[[], Any]) -> None:
    real = sign_in(pat.email)["refresh_token"]
    kind, session, secret, signature = real.split(".")
    with nothing_changes():
        for invented in (
            f"{kind}.{session}.{'0' * 64}.{signature}",
            f"{kind}.{session}.{secret}",
            f"{kind}.{'0' * 32}.{secret}.{signature}",
            f"warehouse.{session}.{secret}.{signature}",
            real[:-1],
            "x",
        ):
            answer = refresh(invented)
            assert (answer.status_code, answer.json()) == (400, BAD_REFRESH_TOKEN), invented


@pytest.mark.parametrize(
    "event",
    [
        lambda user: User.objects.filter(pk=user.pk).update(status="blocked"),
        lambda user: User.objects.filter(pk=user.pk).update(status="deleted"),
        lambda user: user.end_sessions("lost phone"),
        lambda user: Session.objects.update(expires_at=timezone.now()),
    ],
    ids=["blocked", "deleted", "ended", "expired"],
)
def test_nothing_is_refreshed_once_it_is_over(
    pat: User, event: Callable[[User], Any], nothing_changes: Callable[[], Any]
) -> None:
    issued = sign_in(pat.email)
    event(pat)
    with nothing_changes():
        answer = refresh(issued["refresh_token"])
        assert (answer.status_code, answer.json()) == (400, BAD_REFRESH_TOKEN)
        assert refusal(Api(issued["access_token"]).get(ASSIGNMENTS)) == [INVALID_TOKEN]


def test_a_refresh_looks_at_the_account_anew(pat: User) -> None:
    issued = sign_in(pat.email, scope="user")
    User.objects.filter(pk=pat.pk).update(is_warehouse_user=False)
    assert claims(refresh(issued["refresh_token"]).json()["access_token"])["scopes"] == ["user"]


def test_a_refresh_may_ask_for_less(olive: User) -> None:
    issued = sign_in(olive.email)
    narrowed = refresh(issued["refresh_token"], scope="user nonsense").json()
    assert claims(narrowed["access_token"])["scopes"] == ["user"]


def test_a_refresh_may_not_ask_for_more(pat: User, nothing_changes: Callable[[], Any]) -> None:
    issued = sign_in(pat.email)
    with nothing_changes():
        answer = refresh(issued["refresh_token"], scope="user back-office-user")
    words = "The requested scope is invalid, unknown, or malformed."
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_scope", "error_description": words})


def test_refresh_tokens_are_kept_as_digests_only(pat: User) -> None:
    first = sign_in(pat.email)["refresh_token"]
    second = refresh(first).json()["refresh_token"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT users_session::text FROM users_session")
        stored = str(cursor.fetchall())
    for refresh_token in (first, second):
        _, _, secret, signature = refresh_token.split(".")
        assert secret not in stored
        assert signature not in stored


# --- The life of a session --------------------------------------------------------------------------------------
def test_a_session_in_use_is_noted_but_not_on_every_request(as_pat: Api) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    Session.objects.update(last_used_at=long_ago)
    as_pat.get(ASSIGNMENTS)
    noted = Session.objects.get().last_used_at
    assert noted - long_ago > timedelta(minutes=59)
    as_pat.get(ASSIGNMENTS)
    assert Session.objects.get().last_used_at == noted


def test_a_new_password_signs_the_person_out(as_pat: Api, pat: User) -> None:
    pat.set_password("another-Horse-8!")
    pat.save()
    assert refusal(as_pat.get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert Session.objects.get().end_reason == "password changed"
    assert sign_in(pat.email, "another-Horse-8!")


def test_saving_a_change_of_rights_in_the_back_office_signs_the_person_out(
    as_pat: Api, pat: User, olive: User, client: Client
) -> None:
    User.objects.filter(pk=olive.pk).update(is_superuser=True)
    client.force_login(olive)
    form = {
        "email": pat.email,
        "first_name": "Pat",
        "last_name": "Picker",
        "language": "en_US",
        "status": "active",
        "groups": [Group.objects.get(name="Auditor").pk],
    }
    assert client.post(f"/admin/users/user/{pat.pk}/change/", form).status_code == 302
    assert refusal(as_pat.get(ASSIGNMENTS)) == [INVALID_TOKEN]
    assert Session.objects.get(user=pat).end_reason == "made no longer a warehouse user in the Back Office"
