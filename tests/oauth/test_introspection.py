"""`POST /introspect`: what services are told about a token (RFC 7662; contract 0.4)."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from django.test import Client as Browser
from pytest_django import DjangoAssertNumQueries

from tests.support.api.client import FORM, Api, sign_in
from tests.support.cases import each
from tests.support.oauth.held_tokens import INACTIVE, Issued, post
from tests.support.oauth.introspection import BAD_CLIENT, CHALLENGE
from users.models import User
from users.models.audit_event import AuditEvent
from users.models.oauth.client import Client
from users.oauth.key_ring import key_ring


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def test_a_valid_warehouse_token_is_described_with_its_person_and_place(issued: Issued) -> None:
    assert issued.introspected(issued.warehouse_token) == {
        "active": True,
        "sub": json.dumps({"id_warehouse": issued.row.warehouse_id}, separators=(",", ":")),
        "act": str(issued.pat.uuid),
        "scope": "warehouse",
        "client_id": "frontend",
        "exp": int(claims(issued.warehouse_token)["exp"]),
        "assignment": str(issued.row.uuid),
        "warehouse": str(issued.row.warehouse.uuid),
    }


def test_a_user_token_is_described_with_its_scopes(issued: Issued) -> None:
    assert issued.introspected(issued.user_token) == {
        "active": True,
        "sub": claims(issued.user_token)["sub"],
        "act": str(issued.pat.uuid),
        "scope": "user warehouse-user",
        "client_id": "frontend",
        "exp": int(claims(issued.user_token)["exp"]),
    }


def test_whatever_is_no_access_token_is_inactive_and_nothing_else(issued: Issued) -> None:
    unsigned = issued.user_token.rpartition(".")[0] + "."
    for token in (issued.refresh_token, issued.warehouse_refresh_token, "nonsense", unsigned, "a.b.c", "é"):
        assert issued.introspected(token) == INACTIVE


def test_a_token_that_says_more_than_the_account_allows_is_inactive(issued: Issued, ada: User) -> None:
    """Our own routes cut such a token to own rows; other programs cannot, and are told of none."""
    office_token = sign_in(ada.email)["access_token"]
    assert issued.introspected(office_token)["scope"] == "user back-office-user"
    User.objects.filter(pk=ada.pk).update(is_warehouse_user=True)
    assert issued.introspected(office_token) == INACTIVE


def test_a_warehouse_token_with_other_claims_than_its_grant_is_inactive(issued: Issued, river: Any) -> None:
    told = claims(issued.warehouse_token)
    for changed in ({"warehouse": str(river.uuid)}, {"sid": str(issued.pat.uuid)}, {"assignment": "x"}, {"jti": "0"}):
        assert issued.introspected(key_ring.encode(told | changed)) == INACTIVE


@pytest.mark.parametrize("kind", ["warehouse_token", "user_token"])
def test_asking_is_one_query_for_the_client_and_one_for_the_token(
    issued: Issued, kind: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2) as queries:
        assert issued.introspected(getattr(issued, kind))["active"] is True
    assert "users_client" in queries[0]["sql"]


# --- Who may ask ------------------------------------------------------------------------------------------------
def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def ask(token: str, header: str | None = None, **parameters: str) -> Any:
    headers = {"Authorization": header} if header else {}
    body = "&".join(f"{name}={value}" for name, value in {"token": token, **parameters}.items())
    return Browser(headers=headers).post("/introspect", body, content_type=FORM)


def test_a_service_proves_itself_in_the_header_or_in_the_body(issued: Issued) -> None:
    client_id, secret = issued.service.values()
    assert ask(issued.user_token, basic(client_id, secret)).json()["active"] is True
    assert ask(issued.user_token, client_id=client_id, client_secret=secret).json()["active"] is True


@each(
    ("header", "parameters"),
    [
        (None, {}),
        (None, {"client_id": "frontend"}),
        (None, {"client_id": "picking"}),
        (None, {"client_id": "picking", "client_secret": "wrong"}),
        (None, {"client_id": "frontend", "client_secret": "wrong"}),
        (None, {"client_id": "nobody", "client_secret": "wrong"}),
        (basic("picking", "wrong"), {}),
        (basic("picking", ""), {}),
        (basic("frontend", "x"), {}),
        ("Basic !", {}),
        ("Basic /w==", {}),
        ("Bearer x", {}),
    ],
)
def test_nobody_else_may_ask(issued: Issued, header: str | None, parameters: dict[str, str]) -> None:
    answer = ask(issued.user_token, header, **parameters)
    assert (answer.status_code, answer.json()) == (401, BAD_CLIENT)
    assert (answer["WWW-Authenticate"], answer["Cache-Control"]) == (CHALLENGE, "no-store")


def test_a_new_secret_ends_the_old_one_at_once(issued: Issued) -> None:
    client = Client.objects.get(client_id="picking")
    fresh = client.make_secret()
    client.save()
    assert ask(issued.user_token, **issued.service).status_code == 401
    assert ask(issued.user_token, client_id="picking", client_secret=fresh).json()["active"] is True


def test_an_access_token_is_no_proof_of_being_a_service(issued: Issued) -> None:
    answer = Api(issued.user_token).call("POST", "/introspect", b"token=x", content_type=FORM)
    assert (answer.status_code, answer.json()) == (401, BAD_CLIENT)


def test_a_missing_token_is_refused(issued: Issued) -> None:
    answer = post("/introspect", **issued.service)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_wrong_secret_is_kept_as_an_event_until_the_client_is_closed(issued: Issued) -> None:
    for n in range(12):
        ask(issued.user_token, basic("picking", f"guess-{n}"))
    ask(issued.user_token, basic("x" * 5_000, "guess"))

    *events, longest = AuditEvent.objects.filter(tag="client_refused").order_by("id")
    assert len(events) == 9
    assert {(row.event, row.level, row.client_id, row.path, row.address) for row in events} == {
        ("Client Refused", "warning", "picking", "/introspect", "127.0.0.1")
    }
    assert all(row.details == {} for row in events)
    assert longest.client_id == "x" * 100


def test_nine_wrong_secrets_close_the_client_to_an_address_and_the_right_one_still_works(issued: Issued) -> None:
    """What cannot be guessed need not be closed; the guesser is told to wait (contract 0.4, "Throttling")."""
    guesses = [ask(issued.user_token, basic("picking", f"guess-{n}")) for n in range(12)]
    assert [answer.status_code for answer in guesses] == [401] * 9 + [429] * 3
    assert guesses[-1].json()["error"] == "invalid_grant"
    assert 0 < int(guesses[-1]["Retry-After"]) <= 360
    assert ask(issued.user_token, **issued.service).json()["active"] is True
