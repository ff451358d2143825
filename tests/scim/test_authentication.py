"""Who may call `/scim/v2/`: a confidential client with the right, by a token of its own or by its secret."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from tests.support.api.client import ASSIGNMENTS, Api, refusal
from tests.support.api.client import error as error_of_api
from tests.support.cases import each
from tests.support.oauth.code_flow import BAD_CLIENT
from tests.support.oauth.code_flow import register as register_other
from tests.support.oauth.held_tokens import Issued, post
from tests.support.scim.directory import ROOT, Directory, basic, error, register
from users.models import Client, SigningKey
from users.oauth.clients.client_credentials import ClientToken

Watch = Callable[[], Any]
UNAUTHORIZED = error(401, "Send a token of /token (grant_type=client_credentials), or the client's ID and secret.")
NO_RIGHT = error(403, "This client may not provision people. Staff can allow it in the Back Office, under Clients.")
NO_RIGHT_AT_TOKEN = {"error": "unauthorized_client", "error_description": "This client may not provision people."}
UNSUPPORTED = "unsupported_grant_type"
GRANT = "client_credentials"


def ask(authorization: str | None, path: str = "/Users") -> Any:
    headers = {"Authorization": authorization} if authorization is not None else {}
    return Browser().get(ROOT + path, headers=headers)


def bearer(token: object) -> Any:
    return ask(f"Bearer {token}")


# --- /token -----------------------------------------------------------------------------------------------------
def test_a_token_is_given_for_the_secret_by_header_or_body(scim: None) -> None:
    client, secret = register()
    ways = [
        post("/token", grant_type=GRANT, client_id=client.client_id, client_secret=secret),
        _by_header(basic(client.client_id, secret)),
    ]
    for answer in ways:
        body = answer.json()
        token = body.pop("access_token")
        assert (answer.status_code, body) == (200, {"token_type": "Bearer", "expires_in": 900, "scope": "scim"})
        assert answer["Cache-Control"] == "no-store"
        assert bearer(token).status_code == 200


def _by_header(authorization: str, **form: str) -> Any:
    return Browser().post(
        "/token",
        "&".join(f"{name}={value}" for name, value in ({"grant_type": GRANT} | form).items()),
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": authorization},
    )


def test_a_client_without_the_right_is_given_none(scim: None, nothing_changes: Watch) -> None:
    client, secret = register(provisions_people=False)
    with nothing_changes():
        answer = post("/token", grant_type=GRANT, client_id=client.client_id, client_secret=secret)
        assert (answer.status_code, answer.json()) == (400, NO_RIGHT_AT_TOKEN)
        answer = ask(basic(client.client_id, secret))
        assert (answer.status_code, answer.json()) == (403, NO_RIGHT)


@each("form", [{"client_id": "phone"}, {"client_id": "frontend"}, {"client_id": "phone", "client_secret": "x"}, {}])
def test_a_public_client_is_given_none(scim: None, nothing_changes: Watch, form: dict[str, str]) -> None:
    register_other("phone", is_confidential=False)
    with nothing_changes():
        answer = post("/token", grant_type=GRANT, **form)
    body = {"error": BAD_CLIENT[0], "error_description": BAD_CLIENT[1]}
    assert (answer.status_code in (400, 401), answer.json()) == (True, body)


def test_wrong_secrets_are_throttled_at_both_places_together(scim: None, nothing_changes: Watch) -> None:
    _client, secret = register()
    with nothing_changes():
        for number in range(9):
            answer, status = (ask, 401) if number % 2 else (_by_header, 400)
            assert answer(basic("contoso", "x")).status_code == status
        answers = [ask(basic("contoso", "x")), _by_header(basic("contoso", "x"))]
        assert [one.status_code for one in answers] == [429, 429]
        seconds = answers[0]["Retry-After"]
        words = f"Too many failed sign-ins. Please try again in {seconds} seconds."
        assert answers[0].json() == error(429, words)
    assert ask(basic("contoso", secret)).status_code == 200


# --- Refused ----------------------------------------------------------------------------------------------------
@each(
    "authorization",
    [
        *(None, "", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic", "Basic !", "Digest x", "bearer null"),
        basic("contoso", ""),
        basic("", "x"),
        basic("nobody", "x"),
        "Bearer " + "x" * 5_000,
        "Bearer \x00",
    ],
)
def test_nobody_else_is_let_in(scim: None, nothing_changes: Watch, authorization: str | None) -> None:
    register()
    with nothing_changes():
        for path in ("/Users", "/ServiceProviderConfig", "/Schemas", "/Nothing", ""):
            answer = ask(authorization, path)
            assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED), path
            assert answer["Content-Type"] == "application/scim+json"
            assert answer["WWW-Authenticate"].split()[0] in ("Bearer", "Basic")


def test_tokens_of_people_are_no_tokens_of_clients(scim: None, issued: Issued, nothing_changes: Watch) -> None:
    with nothing_changes():
        for token in (issued.user_token, issued.warehouse_token, issued.refresh_token, issued.warehouse_refresh_token):
            answer = bearer(token)
            assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


def _save_new_secret() -> None:
    client = Client.objects.get(client_id="contoso")
    client.make_secret()
    client.save()


WITHDRAWING: dict[str, Callable[[Directory], Any]] = {
    "the client is removed": lambda directory: Client.objects.get(client_id="contoso").remove(),
    "it has a new secret": lambda directory: _save_new_secret(),
    "its right is taken": lambda directory: Client.objects.update(provisions_people=False),
    "the key is gone": lambda directory: SigningKey.objects.all().delete(),
}


@each("withdraw", WITHDRAWING.values(), ids=WITHDRAWING)
def test_a_token_is_withdrawn_at_the_next_call(directory: Directory, withdraw: Callable[[Directory], Any]) -> None:
    assert directory.get("/Users").status_code == 200
    withdraw(directory)
    with CaptureQueriesContext(connection) as queries:
        answer = directory.get("/Users")
    assert (answer.status_code, answer.json(), len(queries)) == (401, UNAUTHORIZED, 1)


FORGED: dict[str, Callable[[ClientToken], Any]] = {
    "expired": lambda token: token.set_exp(lifetime=timedelta(hours=-1)),
    "of another secret": lambda token: token.payload.update(secret="0" * 16),
    "of no secret": lambda token: token.payload.pop("secret"),
    "of another scope": lambda token: token.payload.update(scopes=["user"]),
    "of more scopes": lambda token: token.payload.update(scopes=["scim", "user"]),
    "of another client": lambda token: token.payload.update(sub='{"client":"fabrikam"}'),
    "of nobody": lambda token: token.payload.update(sub="{}"),
    "of a list": lambda token: token.payload.update(sub='{"client":["contoso"]}'),
}


@each("forge", FORGED.values(), ids=FORGED)
def test_a_token_that_says_something_else_is_refused(
    directory: Directory, nothing_changes: Watch, forge: Callable[[ClientToken], Any]
) -> None:
    register("fabrikam")
    token = ClientToken.for_client(directory.client)
    assert bearer(token).status_code == 200
    forge(token)
    with nothing_changes(), CaptureQueriesContext(connection) as queries:
        answer = bearer(token)
        number = len(queries)
    assert (answer.status_code, answer.json(), number <= 1) == (401, UNAUTHORIZED, True)


# --- Elsewhere --------------------------------------------------------------------------------------------------
def test_a_clients_token_opens_nothing_else(directory: Directory, nothing_changes: Watch) -> None:
    token = directory.token_text
    with nothing_changes():
        for path in (ASSIGNMENTS, "/users", "/warehouses"):
            answer = Api(token).get(path)
            assert refusal(answer) == [error_of_api(400, "Invalid access token.", "001")], path
        assert Browser().get("/admin/", headers={"Authorization": f"Bearer {token}"}).status_code == 302


def test_a_clients_token_is_nobodys_for_introspection_and_not_revoked(
    directory: Directory, issued: Issued, nothing_changes: Watch
) -> None:
    token = directory.token_text
    own = {"client_id": directory.client.client_id, "client_secret": directory.secret}
    with nothing_changes():
        assert issued.introspected(token) == {"active": False}
        assert post("/introspect", token=token, **own).json() == {"active": False}
        answer = post("/revoke", token=token, **own)
    words = "Make the client a new secret to withdraw its tokens."
    body = {"error": "unsupported_token_type", "error_description": words}
    assert (answer.status_code, answer.json()) == (400, body)
    assert directory.get("/Users").status_code == 200


# --- Without SCIM -----------------------------------------------------------------------------------------------
def test_without_scim_there_is_nothing_of_it(db: None, nothing_changes: Watch) -> None:
    client, secret = register()
    with nothing_changes():
        answer = post("/token", grant_type=GRANT, client_id=client.client_id, client_secret=secret)
        assert (answer.status_code, answer.json()["error"]) == (400, UNSUPPORTED)
        answer = ask(None)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/vnd.api+json")
    assert GRANT not in Browser().get("/.well-known/oauth-authorization-server").json()["grant_types_supported"]


def test_the_metadata_tell_of_the_grant_with_scim(scim: None) -> None:
    assert GRANT in Browser().get("/.well-known/oauth-authorization-server").json()["grant_types_supported"]


@pytest.mark.parametrize("secret", ["a:b", "ü"])
def test_a_secret_with_a_colon_is_read_whole(scim: None, secret: str) -> None:
    answer = ask(basic("contoso", secret))
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
