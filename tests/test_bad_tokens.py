"""Bad `Authorization` headers and forged tokens: each gets its documented answer, and nothing changes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from assignments.models import WarehouseUserAssignment
from tests.client import ASSIGNMENTS, INVALID_TOKEN, JSON_API, MISSING_TOKEN, Api, error, refusal, sign_in
from tests.test_bad_input import Watch
from users.models import Session, User
from users.oauth.key_ring import key_ring

NOBODY = error(400, "Invalid access token.", "001")


def refused_everywhere(header: str, expected: dict[str, Any]) -> None:
    """The whole answer in both shapes: on the resource, on a path nobody answers, and on `/warehouse-tokens`."""
    status = int(expected["status"])
    challenge = "Bearer" if status == 401 else None
    for method, path in (("GET", ASSIGNMENTS), ("POST", ASSIGNMENTS), ("PUT", ASSIGNMENTS), ("GET", "/nope")):
        answer = Api().call(method, path, Authorization=header)
        assert refusal(answer) == [expected]
        assert answer["Content-Type"] == JSON_API
        assert answer.get("WWW-Authenticate") == challenge
    answer = Api().call("POST", "/warehouse-tokens", Authorization=header)
    assert answer.status_code == status
    assert answer.json() == [{"message": expected["detail"], "status": status, "code": expected["code"]}]
    assert answer["Content-Type"] == "application/json"


MISSING_TOKENS = ["", " ", "Bearer", "Bearer ", " Bearer", "bearer", "Basic", "fake_token", "\xa0"]


@pytest.mark.parametrize("header", MISSING_TOKENS, ids=repr)
def test_a_header_without_a_second_part_is_a_missing_token(
    pat_north: WarehouseUserAssignment, nothing_changes: Watch, header: str
) -> None:
    with nothing_changes():
        refused_everywhere(header, MISSING_TOKEN)


INVALID_HEADERS = {
    "two spaces": "Bearer  x",
    "Basic": "Basic b2xpdmU6c2VjcmV0",
    "another scheme": "Token x",
    "scheme twice": "Bearer Bearer",
    "one part": "Bearer x",
    "two parts": "Bearer a.b",
    "empty parts": "Bearer ..",
    "four parts": "Bearer a.b.c.d",
    "five parts": "Bearer a.b.c.d.e",
    "no base64": "Bearer !.!.!",
    "not ASCII": "Bearer é.é.é",
    "NUL": "Bearer \0.\0.\0",
    "null": "Bearer null",
    "undefined": "Bearer undefined",
    "a megabyte": "Bearer " + "a" * 1_000_000,
    "a megabyte of dots": "Bearer " + "." * 1_000_000,
}


@pytest.mark.parametrize("header", INVALID_HEADERS.values(), ids=INVALID_HEADERS.keys())
def test_a_header_with_anything_else_is_an_invalid_token(
    pat_north: WarehouseUserAssignment, nothing_changes: Watch, header: str
) -> None:
    with nothing_changes():
        refused_everywhere(header, INVALID_TOKEN)


def test_a_good_token_of_another_scheme_or_with_a_third_part_is_refused(as_olive: Api, nothing_changes: Watch) -> None:
    with nothing_changes():
        for header in (f"Basic {as_olive.token}", f"Bearer {as_olive.token} x", f"Bearer x {as_olive.token}"):
            refused_everywhere(header, INVALID_TOKEN)


@pytest.mark.parametrize("spelling", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer  {}", "Bearer\t{}", " Bearer {} "])
def test_the_scheme_is_read_in_any_case_and_with_any_blanks(as_olive: Api, spelling: str) -> None:
    answer = Api().get(ASSIGNMENTS, Authorization=spelling.format(as_olive.token))
    assert answer.status_code == 200


# --- Forged tokens ----------------------------------------------------------------------------------------------
STRANGER = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def _part(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def _signed(claims: dict[str, Any], key: Any = None, **header: Any) -> str:
    """A token of ours with these claims; a header member that is None is left out."""
    members = {"kid": key_ring.current.kid} | header
    kept = {name: value for name, value in members.items() if value is not None}
    return jwt.encode(claims, key or key_ring.current.private, "RS256", headers=kept)


def _raw(token: str, signature: bytes = b"", **header: Any) -> str:
    """The token's claims under a header written by hand."""
    members = {"typ": "JWT", "kid": key_ring.current.kid} | header
    return f"{_part(members)}.{_part_of_claims(token)}.{_part(signature)}"


def _hs256(token: str, secret: bytes, **header: Any) -> str:
    signed = _raw(token, alg="HS256", **header).rpartition(".")[0]
    return f"{signed}.{_part(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def _header(**members: Any) -> bytes:
    return json.dumps({"typ": "JWT", "alg": "RS256"} | members).encode()


def _public_pem() -> bytes:
    return key_ring.current.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _part_of_claims(token: str) -> str:
    return token.split(".")[1]


def _under_header(token: str, header: bytes) -> str:
    return f"{_part(header)}.{token.partition('.')[2]}"


def _our_jwk() -> dict[str, Any]:
    return key_ring.current.jwk


def _stranger_jwk() -> dict[str, Any]:
    return json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(STRANGER.public_key()))


FORGERIES: dict[str, Callable[[str], str]] = {
    "none": lambda token: _raw(token, alg="none"),
    "None": lambda token: _raw(token, alg="None"),
    "none with our signature": lambda token: _raw(token, alg="none").rpartition(".")[0] + "." + token.split(".")[2],
    "HS256 with the public key": lambda token: _hs256(token, _public_pem()),
    "HS256 with the public key, stripped": lambda token: _hs256(token, _public_pem().strip()),
    "HS256 with the public key as JWK": lambda token: _hs256(token, json.dumps(_our_jwk()).encode()),
    "HS256 with nothing": lambda token: _hs256(token, b""),
    "no algorithm": lambda token: _raw(token),
    "algorithm a list": lambda token: _raw(token, alg=["RS256"]),
    "another RSA key": lambda token: _signed(_claims(token), STRANGER),
    "another RSA key, its own id": lambda token: _signed(_claims(token), STRANGER, kid="stranger"),
    "another RSA key in the header": lambda token: _signed(_claims(token), STRANGER, jwk=_stranger_jwk()),
    "another RSA key by address": lambda token: _signed(_claims(token), STRANGER, jku="https://evil.example.test/jwks"),
    "another certificate by address": lambda token: _signed(_claims(token), STRANGER, x5u="https://evil.example.test/"),
    "another certificate in the header": lambda token: _signed(_claims(token), STRANGER, x5c=["MIIB"]),
    "HS256 with the public key, which the header brings": lambda token: _hs256(token, _public_pem(), jwk=_our_jwk()),
    "no signature": lambda token: token.rpartition(".")[0] + ".",
    "half a signature": lambda token: token[:-100],
    "other claims under our signature": lambda token: _part({"sub": "{}"}).join(token.split(_part_of_claims(token))),
    "no kid": lambda token: _signed(_claims(token), kid=None),
    "unknown kid": lambda token: _signed(_claims(token), kid="x"),
    "path in kid": lambda token: _signed(_claims(token), kid="../../../dev/null"),
    "SQL in kid": lambda token: _signed(_claims(token), kid="' OR 1=1; --"),
    "NUL in kid": lambda token: _signed(_claims(token), kid="\0"),
    "kid empty": lambda token: _signed(_claims(token), kid=""),
    "kid of a megabyte": lambda token: _signed(_claims(token), kid="x" * 1_000_000),
    "our kid in capitals": lambda token: _signed(_claims(token), kid=key_ring.current.kid.upper()),
    "our kid and a blank": lambda token: _signed(_claims(token), kid=f"{key_ring.current.kid} "),
    "our kid and NUL": lambda token: _signed(_claims(token), kid=f"{key_ring.current.kid}\0"),
    "our kid as a pattern": lambda token: _signed(_claims(token), kid="%"),
    "our kid in a list": lambda token: _under_header(token, _header(kid=[key_ring.current.kid])),
    "our kid in an object": lambda token: _under_header(token, _header(kid={"kid": key_ring.current.kid})),
    "kid null": lambda token: _under_header(token, _header(kid=None)),
    "kid a truth": lambda token: _under_header(token, _header(kid=True)),
    "kid a list": lambda token: _under_header(token, json.dumps({"alg": "RS256", "kid": [1]}).encode()),
    "kid an object": lambda token: _under_header(token, json.dumps({"alg": "RS256", "kid": {}}).encode()),
    "kid a number": lambda token: _under_header(token, json.dumps({"alg": "RS256", "kid": 1}).encode()),
    "header no object": lambda token: _under_header(token, b"[]"),
    "header no JSON": lambda token: _under_header(token, b"{"),
    "header no UTF-8": lambda token: _under_header(token, b"\xff"),
    "header nested 100,000 deep": lambda token: _under_header(token, b"[" * 100_000 + b"]" * 100_000),
    "header with a huge number": lambda token: _under_header(token, b'{"kid":' + b"9" * 5_000 + b"}"),
    "detached claims": lambda token: _signed(_claims(token), b64=False, crit=["b64"]),
    "unknown critical member": lambda token: _signed(_claims(token), crit=["x"], x=1),
}  # fmt: skip


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_token_that_we_did_not_sign_is_invalid(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, forge: Callable[[str], str]
) -> None:
    forged = forge(as_olive.token or "")
    with nothing_changes():
        refused_everywhere(f"Bearer {forged}", INVALID_TOKEN)


def _subject(**members: Any) -> str:
    return json.dumps({"user_reference": None, "id_user": 1} | members)


#: What a claim of a token that we signed is set to; None takes it away.
WRONG_CLAIMS = {
    "another issuer": {"iss": "https://evil.example.test"},
    "our issuer with a slash": {"iss": "https://bapi.example.test/"},
    "no issuer": {"iss": None},
    "another client": {"aud": "x"},
    "no client": {"aud": None},
    "client a list": {"aud": ["frontend"]},
    "from the future": {"iat": time.time() + 3_600, "nbf": time.time() + 3_600},
    "not before the future": {"nbf": time.time() + 3_600},
    "issued in the future": {"iat": time.time() + 3_600},
    "expired": {"exp": time.time() - 60},
    "expired in 1970": {"exp": 0},
    "no end": {"exp": None},
    "end a text": {"exp": "never"},
    "no sid": {"sid": None},
    "unknown sid": {"sid": "a6f8da15-cd2e-4923-89ed-56dc94865418"},
    "sid nil": {"sid": "00000000-0000-0000-0000-000000000000"},
    "sid no uuid": {"sid": "' OR 1=1; --"},
    "sid with NUL": {"sid": "\0"},
    "sid a number": {"sid": 1},
    "sid a list": {"sid": []},
    "no jti": {"jti": None},
    "subject no text": {"sub": {"id_user": 1}},
    "subject without uuid": {"sub": _subject()},
    "subject with uuid null": {"sub": _subject(uuid=None)},
    "subject with uuid a number": {"sub": _subject(uuid=1)},
    "subject with NUL": {"sub": _subject(uuid="\0")},
    "subject unknown": {"sub": _subject(uuid="a6f8da15-cd2e-4923-89ed-56dc94865418")},
}


def _with(token: str, changes: dict[str, Any]) -> str:
    return _signed({name: value for name, value in (_claims(token) | changes).items() if value is not None})


@pytest.mark.parametrize("changes", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS.keys())
def test_a_token_that_is_not_for_here_and_now_is_invalid(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, changes: dict[str, Any]
) -> None:
    with nothing_changes():
        refused_everywhere(f"Bearer {_with(as_olive.token or '', changes)}", INVALID_TOKEN)


def test_a_token_with_the_session_of_another_person_is_invalid(
    as_olive: Api, sam: User, nothing_changes: Watch
) -> None:
    sign_in(sam.email)
    theirs = Session.objects.get(user=sam)
    with nothing_changes():
        for changes in ({"sid": str(theirs.pk)}, {"sub": _subject(id_user=sam.pk, uuid=str(sam.uuid))}):
            refused_everywhere(f"Bearer {_with(as_olive.token or '', changes)}", INVALID_TOKEN)


NOBODIES = {
    "no subject": None,
    "subject empty": "",
    "subject no JSON": "olive",
    "subject broken JSON": "{",
    "subject a list": "[]",
    "subject a number": "1",
    "subject null": "null",
    "subject an empty object": "{}",
    "subject a shop's customer": '{"customer_reference":"DE--1","id_customer":1}',
}


@pytest.mark.parametrize("subject", NOBODIES.values(), ids=NOBODIES.keys())
def test_a_good_token_that_names_neither_person_nor_warehouse_is_400(
    as_olive: Api, pat_north: WarehouseUserAssignment, nothing_changes: Watch, subject: str | None
) -> None:
    with nothing_changes():
        refused_everywhere(f"Bearer {_with(as_olive.token or '', {'sub': subject})}", NOBODY)


def test_a_refresh_token_is_no_access_token(pat: User, nothing_changes: Watch) -> None:
    refresh_token = sign_in(pat.email)["refresh_token"]
    with nothing_changes():
        refused_everywhere(f"Bearer {refresh_token}", INVALID_TOKEN)


def test_a_scope_that_is_not_ours_or_ill_typed_allows_nothing(as_olive: Api, nothing_changes: Watch) -> None:
    forbidden = error(403, "Unauthorized request.")
    with nothing_changes():
        for scopes in ([], ["x"], "back-office-user", {"back-office-user": 1}, [["back-office-user"]], [None], 1):
            answer = Api(_with(as_olive.token or "", {"scopes": scopes})).get(ASSIGNMENTS)
            assert refusal(answer) == [forbidden]
