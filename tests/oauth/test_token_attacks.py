"""Tokens where they do not belong, and forged ones at `/token`, `/revoke` and `/introspect` (RFC 7009, RFC 7662)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Thread
from typing import Any

import jwt
import pytest
from django.db import connection, transaction
from django.test import RequestFactory

from assignments.models import WarehouseUserAssignment
from tests.support.api.bad_tokens import FORGERIES, WRONG_CLAIMS
from tests.support.api.client import ASSIGNMENTS, FORBIDDEN, INVALID_TOKEN, Api, refusal, sign_in
from tests.support.cases import each
from tests.support.oauth.code_flow import (
    BAD_GRANT,
    BAD_REFRESH_TOKEN,
    MALFORMED,
    PARTNER,
    assert_refused,
    basic,
    code_for,
    redeem,
    refresh,
    register,
    security_lines,
    send,
)
from tests.support.servers.concurrency import wait_until_blocked
from users.models import Session, User
from users.oauth.sessions import start_session
from users.oauth.tokens import key_ring

Watch = Callable[[], Any]
pytestmark = pytest.mark.usefixtures("app")


def introspect(token: str, partner: Any) -> dict[str, Any]:
    answer = send("/introspect", {"token": token}, Authorization=basic("partner", partner.secret))
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    return answer.json()


def revoke(token: str, **parameters: str) -> Any:
    return send("/revoke", {"token": token} | parameters)


def assert_revocation_does_nothing(token: str, nothing_changes: Watch, **parameters: str) -> None:
    """RFC 7009 section 2.2: an unknown token is no error."""
    with nothing_changes():
        answer = revoke(token, **parameters)
        assert (answer.status_code, answer.json()) == (200, {})


@pytest.fixture
def assignment(pat_north: WarehouseUserAssignment) -> WarehouseUserAssignment:
    pat_north.activate()
    return pat_north


@pytest.fixture
def tokens(pat: User, assignment: WarehouseUserAssignment) -> dict[str, str]:
    """One of each kind, of one person."""
    session = sign_in(pat.email)
    warehouse = Api(session["access_token"]).post("/warehouse-tokens").json()[0]
    return {
        "access": session["access_token"],
        "refresh": session["refresh_token"],
        "warehouse access": warehouse["accessToken"],
        "warehouse refresh": warehouse["refreshToken"],
        "code": code_for(pat),
    }


def changed(token: str, **claims: Any) -> str:
    """The token with other claims, signed by our own key: what only we ourselves could make."""
    payload = jwt.decode(token, options={"verify_signature": False}) | claims
    said = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(said, key_ring.current.private, "RS256", headers={"kid": key_ring.current.kid})


# --- One kind of token in place of another ----------------------------------------------------------------------
KINDS = ("access", "refresh", "warehouse access", "warehouse refresh", "code")


@pytest.mark.parametrize("kind", ["refresh", "warehouse refresh", "code"])
def test_only_an_access_token_is_an_access_token(tokens: dict[str, str], nothing_changes: Watch, kind: str) -> None:
    with nothing_changes():
        assert refusal(Api(tokens[kind]).get(ASSIGNMENTS)) == [INVALID_TOKEN]
        answer = Api(tokens[kind]).post("/warehouse-tokens")
        refused = {"message": "Invalid access token.", "status": 401, "code": "001"}
        assert (answer.status_code, answer.json()) == (401, [refused])


def test_a_warehouse_token_opens_no_route_of_a_person(tokens: dict[str, str], nothing_changes: Watch) -> None:
    caller = Api(tokens["warehouse access"])
    with nothing_changes():
        for path in (ASSIGNMENTS, "/users", "/warehouses"):
            assert refusal(caller.get(path)) == [FORBIDDEN]
        answer = caller.post("/warehouse-tokens")
        assert (answer.status_code, answer.json()) == (
            403,
            [{"message": "Unauthorized request.", "status": 403, "code": None}],
        )


@pytest.mark.parametrize("kind", ["access", "warehouse access", "code"])
def test_only_a_refresh_token_refreshes(tokens: dict[str, str], nothing_changes: Watch, kind: str) -> None:
    with nothing_changes():
        assert_refused(refresh(tokens[kind]), BAD_REFRESH_TOKEN)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "code"])
def test_only_a_code_is_a_code(tokens: dict[str, str], nothing_changes: Watch, kind: str) -> None:
    with nothing_changes():
        assert_refused(redeem(tokens[kind]), MALFORMED)


def test_a_refresh_token_is_of_the_kind_it_was_issued_as(tokens: dict[str, str], nothing_changes: Watch) -> None:
    of_session, of_warehouse = (tokens[kind].split(".", 1)[1] for kind in ("refresh", "warehouse refresh"))
    with nothing_changes():
        assert_refused(refresh(f"warehouse.{of_session}"), BAD_REFRESH_TOKEN)
        assert_refused(refresh(f"session.{of_warehouse}"), BAD_REFRESH_TOKEN)


# --- Introspection ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["refresh", "warehouse refresh", "code"])
def test_introspection_describes_access_tokens_only(
    tokens: dict[str, str], partner: Any, nothing_changes: Watch, kind: str
) -> None:
    with nothing_changes():
        assert introspect(tokens[kind], partner) == {"active": False}


def test_a_persons_token_is_never_described_as_a_warehouses(
    tokens: dict[str, str], pat: User, assignment: WarehouseUserAssignment, partner: Any
) -> None:
    told = introspect(tokens["access"], partner)
    assert {name: told[name] for name in ("active", "act", "scope")} == {
        "active": True,
        "act": str(pat.uuid),
        "scope": "user warehouse-user",
    }
    assert not {"warehouse", "assignment"} & set(told)
    forged = changed(
        tokens["access"],
        warehouse=str(assignment.warehouse.uuid),
        assignment=str(assignment.uuid),
        scopes=["warehouse"],
    )
    assert introspect(forged, partner) == {"active": False}


#: A body cannot hold a megabyte; a header can.
FITTING = {name: forge for name, forge in FORGERIES.items() if "megabyte" not in name}


@pytest.mark.parametrize("forge", FITTING.values(), ids=FITTING.keys())
def test_a_token_that_we_did_not_sign_is_not_active_and_withdraws_nothing(
    tokens: dict[str, str], partner: Any, nothing_changes: Watch, forge: Callable[[str], str]
) -> None:
    for kind in ("access", "warehouse access"):
        forged = forge(tokens[kind])
        with nothing_changes():
            assert introspect(forged, partner) == {"active": False}
        assert_revocation_does_nothing(forged, nothing_changes, everywhere="true")


@each(
    "claims",
    [claims for name, claims in WRONG_CLAIMS.items() if name != "no jti"],
    ids=[name for name in WRONG_CLAIMS if name != "no jti"],
)
def test_a_token_that_is_not_for_here_and_now_is_not_active_and_withdraws_nothing(
    tokens: dict[str, str], partner: Any, nothing_changes: Watch, claims: dict[str, Any]
) -> None:
    forged = changed(tokens["access"], **claims)
    with nothing_changes():
        assert introspect(forged, partner) == {"active": False}
    assert_revocation_does_nothing(forged, nothing_changes, everywhere="true")


def test_a_token_with_the_session_of_somebody_else_is_not_active(
    tokens: dict[str, str], pat: User, sam: User, partner: Any, nothing_changes: Watch
) -> None:
    sign_in(sam.email)
    own, theirs = Session.objects.filter(user=pat)[0], Session.objects.get(user=sam)
    person = {"sub": f'{{"user_reference":null,"id_user":{sam.pk},"uuid":"{sam.uuid}"}}'}
    with nothing_changes():
        for claims in ({"sid": str(theirs.pk)}, person, person | {"sid": str(own.pk)}):
            forged = changed(tokens["access"], **claims)
            assert introspect(forged, partner) == {"active": False}
            assert refusal(Api(forged).get(ASSIGNMENTS)) == [INVALID_TOKEN]
        forged = changed(tokens["warehouse access"], sid=str(theirs.pk))
        assert introspect(forged, partner) == {"active": False}


def test_a_token_of_one_client_is_not_anothers(tokens: dict[str, str], partner: Any, nothing_changes: Watch) -> None:
    forged = changed(tokens["access"], aud="partner")
    with nothing_changes():
        assert introspect(forged, partner) == {"active": False}
        assert refusal(Api(forged).get(ASSIGNMENTS)) == [INVALID_TOKEN]


# --- Revocation -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "code"])
def test_nobody_withdraws_the_tokens_of_another_client(
    tokens: dict[str, str], partner: Any, nothing_changes: Watch, kind: str
) -> None:
    register("other-app", is_confidential=False)
    with nothing_changes():
        for parameters in ({}, {"everywhere": "true"}):
            assert_refused(revoke(tokens[kind], client_id="other-app", **parameters), BAD_GRANT)
            proof = {"client_id": "partner", "client_secret": partner.secret}
            assert_refused(revoke(tokens[kind], **proof, **parameters), BAD_GRANT)


def test_a_public_client_does_not_withdraw_a_confidential_clients_tokens(
    pat: User, partner: Any, nothing_changes: Watch
) -> None:
    code = code_for(pat, client_id="partner", redirect_uri=PARTNER)
    proof = {"client_id": "partner", "client_secret": partner.secret}
    issued = redeem(code, redirect_uri=PARTNER, **proof).json()
    with nothing_changes():
        for token in (issued["access_token"], issued["refresh_token"]):
            assert_refused(revoke(token), BAD_GRANT)
            assert_refused(revoke(token, client_id="partner"), ("invalid_client", "Client authentication failed"))
    assert revoke(issued["refresh_token"], **proof).status_code == 200
    assert refusal(Api(issued["access_token"]).get(ASSIGNMENTS)) == [INVALID_TOKEN]


def test_a_code_is_not_withdrawn_as_a_token(tokens: dict[str, str], nothing_changes: Watch) -> None:
    assert_revocation_does_nothing(tokens["code"], nothing_changes)
    assert redeem(tokens["code"]).status_code == 200


def test_a_warehouse_token_signs_nobody_out(tokens: dict[str, str]) -> None:
    assert revoke(tokens["warehouse access"], everywhere="true").status_code == 200
    assert Api(tokens["access"]).get(ASSIGNMENTS).status_code == 200


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_token_that_is_over_signs_its_person_out_of_nothing(
    tokens: dict[str, str], pat: User, nothing_changes: Watch, kind: str
) -> None:
    Session.objects.get().end("lost phone")
    sign_in(pat.email)
    assert_revocation_does_nothing(tokens[kind], nothing_changes, everywhere="true")


# --- Reuse ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["session", "warehouse"])
def test_reuse_after_the_grace_window_ends_what_was_refreshed_and_is_logged(
    tokens: dict[str, str], settings: Any, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    settings.REFRESH_GRACE_SECONDS = -1
    used = tokens["refresh" if kind == "session" else "warehouse refresh"]
    successor = refresh(used).json()["refresh_token"]
    with caplog.at_level(logging.INFO, logger="security"):
        assert_refused(refresh(used), BAD_REFRESH_TOKEN)
    assert_refused(refresh(successor), BAD_REFRESH_TOKEN)
    (reused,) = (line for line in security_lines(caplog) if line["event"] == "Refresh Token Reused")
    assert (reused["level"], reused["tag"], reused["kind"], reused["client_id"]) == (
        "WARNING",
        "refresh_token_reused",
        kind,
        "frontend",
    )


# --- A session that begins while its person is signed out -------------------------------------------------------
def test_being_signed_out_everywhere_waits_for_a_session_that_is_just_beginning(
    transactional_db: None, pat: User
) -> None:
    with transaction.atomic():
        start_session(pat, client_id="frontend", requested_scope="", request=RequestFactory().post("/token"))
        ending = Thread(target=_sign_out, args=[pat.pk])
        ending.start()
        wait_until_blocked(connection.connection)
    ending.join()
    assert Session.objects.get().end_reason == "lost phone"


def _sign_out(pk: int) -> None:
    try:
        User.objects.get(pk=pk).end_sessions("lost phone")
    finally:
        connection.close()
