"""Clients that can keep a secret must show it, and nobody else is taken for them (RFC 6749 section 2.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.api.client import PASSWORD
from tests.support.cases import each
from tests.support.oauth.code_flow import (
    BAD_CLIENT,
    BAD_CREDENTIALS,
    BAD_GRANT,
    MALFORMED,
    PARTNER,
    assert_refused,
    basic,
    code_for,
    redeem,
    refresh,
    register,
    send,
)
from users.models import Session, User

Watch = Callable[[], Any]


def partners_code(pat: User) -> str:
    return code_for(pat, client_id="partner", redirect_uri=PARTNER)


def redeem_for_partner(pat: User, partner: Any) -> dict[str, Any]:
    proof = basic("partner", partner.secret)
    return redeem(partners_code(pat), client_id=None, redirect_uri=PARTNER, authorization=proof).json()


def test_a_confidential_client_proves_itself_by_header_or_body(pat: User, partner: Any) -> None:
    header = basic("partner", partner.secret)
    ways: list[dict[str, Any]] = [
        {"client_id": None, "authorization": header},
        {"client_id": "partner", "authorization": header},
        {"client_id": None, "authorization": header.replace("Basic", "basic")},
        {"client_id": "partner", "client_secret": partner.secret},
    ]
    for way in ways:
        answer = redeem(partners_code(pat), **{"redirect_uri": PARTNER} | way)
        assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")
    assert set(Session.objects.values_list("client_id", flat=True)) == {"partner"}


#: What is sent instead of the right secret, made from the client and another one.
BAD_PROOFS: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    "nothing": lambda partner, other: {"client_id": "partner"},
    "wrong secret in header": lambda partner, other: {"client_id": None, "authorization": basic("partner", "wrong")},
    "wrong secret in body": lambda partner, other: {"client_id": "partner", "client_secret": "wrong"},
    "no secret in header": lambda partner, other: {"client_id": "partner", "authorization": basic("partner", "")},
    "no name in header": lambda partner, other: {"client_id": "partner", "authorization": basic("", partner.secret)},
    "unreadable header": lambda partner, other: {"client_id": "partner", "authorization": "Basic !"},
    "secret of another client": lambda partner, other: {"client_id": "partner", "client_secret": other.secret},
    "digest for a secret": lambda partner, other: {"client_id": "partner", "client_secret": partner.secret_digest},
    "wrong header and right body": lambda partner, other: {
        "client_id": "partner",
        "client_secret": partner.secret,
        "authorization": basic("partner", "wrong"),
    },
    "public client with a secret": lambda partner, other: {"client_id": "frontend", "client_secret": partner.secret},
    "public client with a header": lambda partner, other: {"client_id": None, "authorization": basic("frontend", "x")},
    "secret without a name": lambda partner, other: {"client_id": None, "client_secret": partner.secret},
}


@each("proof", BAD_PROOFS.values(), ids=BAD_PROOFS.keys())
def test_nobody_else_redeems_a_confidential_clients_code(
    pat: User, partner: Any, nothing_changes: Watch, proof: Callable[[Any, Any], dict[str, Any]]
) -> None:
    code, changes = partners_code(pat), proof(partner, register("other"))
    with nothing_changes():
        assert_refused(redeem(code, **{"redirect_uri": PARTNER} | changes), BAD_CLIENT)


def test_another_client_that_proves_itself_redeems_nothing(pat: User, partner: Any, nothing_changes: Watch) -> None:
    code, other = partners_code(pat), register("other")
    with nothing_changes():
        answer = redeem(code, client_id="partner", redirect_uri=PARTNER, authorization=basic("other", other.secret))
        assert_refused(answer, MALFORMED)


def test_a_confidential_client_needs_the_verifier_too(pat: User, partner: Any, nothing_changes: Watch) -> None:
    code, proof = partners_code(pat), basic("partner", partner.secret)
    with nothing_changes():
        answer = redeem(code, client_id=None, redirect_uri=PARTNER, authorization=proof, code_verifier=None)
        assert_refused(answer, MALFORMED)


def test_a_confidential_client_signs_people_in_by_password_only_with_its_secret(
    pat: User, partner: Any, nothing_changes: Watch
) -> None:
    password = {"grant_type": "password", "username": pat.email, "password": PASSWORD}
    with nothing_changes():
        assert_refused(send("/token", password | {"client_id": "partner"}), BAD_CLIENT)
        assert_refused(send("/token", password | {"client_id": "partner", "client_secret": "x"}), BAD_CLIENT)
        wrong = send("/token", password | {"password": "x"}, Authorization=basic("partner", partner.secret))
        assert_refused(wrong, BAD_CREDENTIALS)
    assert send("/token", password, Authorization=basic("partner", partner.secret)).status_code == 200
    assert Session.objects.get().client_id == "partner"


def test_a_refresh_token_is_good_at_its_own_client_only(pat: User, partner: Any, nothing_changes: Watch) -> None:
    refresh_token, other = redeem_for_partner(pat, partner)["refresh_token"], register("other")
    with nothing_changes():
        assert_refused(refresh(refresh_token), BAD_GRANT)
        assert_refused(refresh(refresh_token, client_id="partner"), BAD_CLIENT)
        assert_refused(refresh(refresh_token, client_id="other", client_secret=other.secret), BAD_GRANT)
    assert refresh(refresh_token, client_id="partner", client_secret=partner.secret).status_code == 200


def test_a_used_up_refresh_token_at_another_client_ends_nothing(
    pat: User, partner: Any, nothing_changes: Watch
) -> None:
    first = redeem_for_partner(pat, partner)["refresh_token"]
    own = {"client_id": "partner", "client_secret": partner.secret}
    second = refresh(first, **own).json()["refresh_token"]
    assert refresh(second, **own).status_code == 200
    with nothing_changes():
        assert_refused(refresh(first), BAD_GRANT)


def test_nine_wrong_secrets_close_the_client_to_guessing_but_not_to_the_right_one(pat: User, partner: Any) -> None:
    code = partners_code(pat)
    own = {"client_id": "partner", "redirect_uri": PARTNER}
    for _ in range(9):
        assert_refused(redeem(code, client_secret="wrong", **own), BAD_CLIENT)
    answer = redeem(code, client_secret="wrong", **own)
    seconds = answer["Retry-After"]
    words = f"Too many failed sign-ins. Please try again in {seconds} seconds."
    assert_refused(answer, ("invalid_grant", words), status=429)
    assert redeem(code, client_secret=partner.secret, **own).status_code == 200


@each("path", ["/revoke", "/introspect"])
@each("header", ["Basic", "Basic ", "Basic !", "Basic \xff", "Basic " + "A" * 10_000])
def test_an_unreadable_proof_is_challenged(
    pat: User, partner: Any, nothing_changes: Watch, path: str, header: str
) -> None:
    token = redeem_for_partner(pat, partner)["access_token"]
    with nothing_changes():
        answer = send(path, {"token": token, "client_id": "partner"}, Authorization=header)
        assert (answer.status_code, answer.json()) == (
            401,
            {"error": BAD_CLIENT[0], "error_description": BAD_CLIENT[1]},
        )
        assert answer["WWW-Authenticate"] == 'Basic realm="clients", charset="UTF-8"'
