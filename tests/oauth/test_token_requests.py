"""Bad bodies of `POST /token`: each gets an RFC 6749 error, and nobody is signed in."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.http import HttpResponse

from tests.support.api.bad_bodies import Watch
from tests.support.api.client import FORM, PASSWORD, Api, sign_in
from tests.support.cases import each
from tests.support.oauth.bad_token_requests import EMAIL, GOOD, MALFORMED
from users.models import Session, User

GOOD_CAMEL = {"grantType": "password", "username": EMAIL, "password": PASSWORD}
GOOD_FORM = urlencode(GOOD)

Refusal = tuple[str, str]
BAD_REQUEST: Refusal = ("invalid_request", MALFORMED)
NO_GRANT: Refusal = ("unsupported_grant_type", 'Grant type "" not found')
BAD_CLIENT: Refusal = ("invalid_client", "Client authentication failed")
BAD_CREDENTIALS: Refusal = ("invalid_grant", "The user credentials were incorrect.")
BAD_REFRESH_TOKEN: Refusal = ("invalid_request", "The refresh token is invalid.")


def _post(body: Any, content_type: str = FORM, **headers: str) -> HttpResponse:
    return Api().call("POST", "/token", body, content_type=content_type, **headers)


def _refused(answer: HttpResponse, refusal: Refusal, status: int = 400) -> None:
    """The whole answer: RFC 6749 section 5.2, not to be stored, and never a challenge (contract 6.3)."""
    assert answer.status_code == status
    assert json.loads(answer.content) == {"error": refusal[0], "error_description": refusal[1]}
    assert answer["Content-Type"] == "application/json"
    assert (answer["Cache-Control"], answer["Pragma"]) == ("no-store", "no-cache")
    assert "WWW-Authenticate" not in answer


def _without(name: str) -> dict[str, str]:
    return {key: value for key, value in GOOD.items() if key != name}


BAD_BODIES: dict[str, tuple[Any, Refusal]] = {
    "empty body": (b"", NO_GRANT),
    "blank body": (b" \r\n ", NO_GRANT),
    "JSON null": (b"null", NO_GRANT),
    "JSON number": (b"1", NO_GRANT),
    "JSON text": (b'"password"', NO_GRANT),
    "empty object": ({}, NO_GRANT),
    "broken JSON": (b'{"grant_type":"password"', BAD_REQUEST),
    "JSON list": ([GOOD], BAD_REQUEST),
    "empty list": ([], BAD_REQUEST),
    "JSON that is no UTF-8": (b'{"grant_type":"password","username":"\xff"}', BAD_REQUEST),
    "half a surrogate pair": (b'{"grant_type":"password","username":"\\ud800"}', BAD_REQUEST),
    "NaN": (b'{"grant_type":NaN}', BAD_REQUEST),
    "integer of 5,000 digits": (b'{"grant_type":' + b"9" * 5_000 + b"}", BAD_REQUEST),
    "100,000 open brackets": (b"[" * 100_000, BAD_REQUEST),
    "100,000 nested objects": (b'{"data":' * 100_000 + b"{}" + b"}" * 100_000, BAD_REQUEST),
    "form that is no UTF-8": (GOOD_FORM.encode() + b"&x=\xff", BAD_REQUEST),
    "form with escaped bytes that are no UTF-8": (GOOD_FORM.encode() + b"&x=%FF", BAD_REQUEST),
    "form with NUL": (b"grant_type=password&password=x&username=%00", BAD_REQUEST),
    "form with raw NUL": (b"grant_type=password&password=x&username=\x00", BAD_REQUEST),
    "form with a parameter twice": (f"{GOOD_FORM}&username=x".encode(), BAD_REQUEST),
    "form with a parameter twice alike": (f"{GOOD_FORM}&grant_type=password".encode(), BAD_REQUEST),
    "form with a parameter in two spellings": (f"{GOOD_FORM}&grantType=password".encode(), BAD_REQUEST),
    "JSON with a parameter in two spellings": (GOOD | GOOD_CAMEL, BAD_REQUEST),
    "form as PHP nests it": (urlencode({f"data[attributes][{key}]": GOOD[key] for key in GOOD}).encode(), NO_GRANT),
    "multipart form": (b'--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\npassword\r\n--x--', NO_GRANT),
    "50,000 parameters": ("&".join(f"a{number}=1" for number in range(50_000)).encode(), BAD_REQUEST),
    "half a megabyte of separators": (b"&" * 500_000, BAD_REQUEST),
    "50,000 members": ({str(number): number for number in range(50_000)}, BAD_REQUEST),
    "colons as of 1,000 members": (GOOD | {"x": ":" * 1_000}, BAD_REQUEST),
    "data a list": ({"data": [GOOD]}, BAD_REQUEST),
    "data without attributes": ({"data": {}}, BAD_REQUEST),
    "attributes null": ({"data": {"attributes": None}}, BAD_REQUEST),
    "attributes a list": ({"data": {"attributes": [GOOD]}}, BAD_REQUEST),
    **{
        f"{name} {json.dumps(value)}": (GOOD | {name: value}, BAD_REQUEST)
        for name in GOOD
        for value in (1, 1.5, True, [], ["password"], {}, {"a": "b"})
    },
    **{f"{name} with NUL": (GOOD | {name: GOOD[name] + "\0"}, BAD_REQUEST) for name in GOOD},
    **{f"no {name}": (_without(name), BAD_REQUEST) for name in ("username", "password")},
    **{f"{name} empty": (GOOD | {name: ""}, BAD_REQUEST) for name in ("username", "password")},
    **{f"{name} null": (GOOD | {name: None}, BAD_REQUEST) for name in ("username", "password")},
    "no grant type": (_without("grant_type"), NO_GRANT),
    "grant type empty": (GOOD | {"grant_type": ""}, NO_GRANT),
    "grant type null": (GOOD | {"grant_type": None}, NO_GRANT),
    "unknown grant type": (GOOD | {"grant_type": "abc"}, ("unsupported_grant_type", 'Grant type "abc" not found')),
    "grant type in another case": (
        GOOD | {"grant_type": "Password"},
        ("unsupported_grant_type", 'Grant type "Password" not found'),
    ),
    "grant type with markup": (
        GOOD | {"grant_type": '"<b>é\n'},
        ("unsupported_grant_type", 'Grant type ""<b>é\n" not found'),
    ),
    "unknown client": (GOOD | {"client_id": "x"}, BAD_CLIENT),
    "client of no ASCII": (GOOD | {"client_id": "é"}, BAD_CLIENT),
    "client a number": (GOOD | {"client_id": 1}, BAD_REQUEST),
    "client with NUL": (GOOD | {"client_id": "frontend\0"}, BAD_REQUEST),
    "client with a secret": (GOOD | {"client_secret": "x"}, BAD_CLIENT),
    "scope with NUL": (GOOD | {"scope": "user\0"}, BAD_REQUEST),
    "scope a list": (GOOD | {"scope": ["user"]}, BAD_REQUEST),
    "username of 500,000 letters": (GOOD | {"username": "a" * 500_000}, BAD_CREDENTIALS),
    "username of letters that grow in lower case": (GOOD | {"username": "İ" * 254}, BAD_CREDENTIALS),
    "password of 500,000 letters": (GOOD | {"password": "a" * 500_000}, BAD_CREDENTIALS),
    "SQL for a username": (GOOD | {"username": "' OR 1=1; --"}, BAD_CREDENTIALS),
    "the uuid for a username": (GOOD | {"username": "035a58df-ddba-4dd3-8b2c-8b83fe5394c2"}, BAD_CREDENTIALS),
}


@each(("body", "refusal"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_bad_body_signs_nobody_in(olive: User, nothing_changes: Watch, body: Any, refusal: Refusal) -> None:
    with nothing_changes():
        _refused(_post(body), refusal)


@pytest.mark.parametrize("body", [b"x" * 10_000_000, b'{"grant_type":"' + b"x" * 10_000_000], ids=["form", "JSON"])
def test_a_body_of_10_mb_is_refused_before_it_is_read(olive: User, nothing_changes: Watch, body: bytes) -> None:
    with nothing_changes():
        _refused(_post(body), ("invalid_request", "The request body is larger than this server accepts."), status=413)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "BREW"])
@pytest.mark.parametrize("path", ["/token", "/token/"])
def test_another_method_signs_nobody_in(olive: User, nothing_changes: Watch, method: str, path: str) -> None:
    with nothing_changes():
        answer = Api().call(method, f"{path}?{GOOD_FORM}", GOOD_FORM.encode(), content_type=FORM)
    assert answer["Allow"].split(", ")[0] == "POST"
    if method == "HEAD":
        assert (answer.status_code, answer.content) == (405, b"")
    else:
        _refused(answer, ("invalid_request", "Method does not exist"), status=405)


def test_credentials_in_the_query_string_are_not_read(olive: User, nothing_changes: Watch) -> None:
    with nothing_changes():
        _refused(Api().call("POST", f"/token?{GOOD_FORM}", content_type=FORM), NO_GRANT)


NO_TEXTS: list[Any] = [None, "", 1, [], {}, "\0"]
REFRESH_TOKENS: dict[str, tuple[Any, Refusal]] = {
    **{f"{value!r}"[:40]: (value, BAD_REQUEST) for value in NO_TEXTS},
    **{
        f"{value!r}"[:40]: (value, BAD_REFRESH_TOKEN)
        for value in ("x", "..", "...", "é", "session.x.y.z", "warehouse.x.y.z", "a.b.c", "x" * 500_000)
    },
    "made up": ("session.a6f8da15cd2e492389ed56dc94865418.00.signature", BAD_REFRESH_TOKEN),
}


@each(("value", "refusal"), REFRESH_TOKENS.values(), ids=REFRESH_TOKENS.keys())
def test_a_made_up_refresh_token_is_refused(olive: User, nothing_changes: Watch, value: Any, refusal: Refusal) -> None:
    with nothing_changes():
        _refused(_post({"grant_type": "refresh_token", "refresh_token": value}), refusal)


def test_a_tampered_refresh_token_ends_nothing(olive: User, nothing_changes: Watch) -> None:
    kind, row, secret, signature = sign_in(olive.email)["refresh_token"].split(".")
    tampered = [
        (kind, row, secret[::-1], signature),
        (kind, "0" * 32, secret, signature),
        ("warehouse", row, secret, signature),
        (kind, row, secret, signature[:-1]),
        (kind, row, secret, ""),
    ]
    with nothing_changes():
        for parts in tampered:
            _refused(_post({"grant_type": "refresh_token", "refresh_token": ".".join(parts)}), BAD_REFRESH_TOKEN)


def test_an_access_token_is_no_refresh_token(olive: User, nothing_changes: Watch) -> None:
    access_token = sign_in(olive.email)["access_token"]
    with nothing_changes():
        _refused(_post({"grant_type": "refresh_token", "refresh_token": access_token}), BAD_REFRESH_TOKEN)


# --- Odd, but understood ----------------------------------------------------------------------------------------
GOOD_BODIES = {
    "form": (GOOD_FORM, FORM),
    "form in camelCase": (urlencode(GOOD_CAMEL), FORM),
    "form in UpperCamelCase": (GOOD_FORM.replace("grant_type", "GrantType"), FORM),
    "form under a JSON type": (GOOD_FORM, "application/json"),
    "JSON under a form type": (json.dumps(GOOD_CAMEL), FORM),
    "JSON in snake_case": (json.dumps(GOOD), "application/json"),
    "JSON without a type": (json.dumps(GOOD), ""),
    "JSON under a text type": (json.dumps(GOOD), "text/plain; charset=latin-1"),
    "JSON under a charset nobody knows": (json.dumps(GOOD), "application/json; charset=nope"),
    "JSON under the type of JSON:API": (json.dumps(GOOD), "application/vnd.api+json"),
    "JSON in data.attributes": (json.dumps({"data": {"type": "token", "attributes": GOOD_CAMEL}}), "application/json"),
    "JSON after blanks": ("\r\n\t " + json.dumps(GOOD), FORM),
    "parameters nobody knows": (GOOD_FORM + "&x=1&%00=1", FORM),
    "parameters nobody knows, alike but for case": (GOOD_FORM + "&x=1&X=2&%C3%AC=3&%C3%8C=4", FORM),
    "an empty parameter": (GOOD_FORM + "&scope=&client_id=", FORM),
    "a null parameter": (json.dumps(GOOD | {"scope": None, "client_id": None}), "application/json"),
    "scopes nobody knows": (GOOD_FORM + "&scope=" + quote("admin é " * 20_000), FORM),
    "a scope ten thousand times": (GOOD_FORM + "&scope=" + quote("back-office-user " * 10_000), FORM),
}


@each(("body", "content_type"), GOOD_BODIES.values(), ids=GOOD_BODIES.keys())
def test_the_format_is_recognised_by_the_body(olive: User, body: str, content_type: str) -> None:
    answer = _post(body.encode(), content_type)
    assert answer.status_code == 200, answer.content
    assert Session.objects.get().user == olive


@pytest.mark.parametrize("header", ["", "Bearer x", "Bearer", "é"])
def test_an_access_token_is_neither_needed_nor_looked_at(olive: User, header: str) -> None:
    assert _post(GOOD, Authorization=header).status_code == 200
    assert Session.objects.get().user == olive


@pytest.mark.parametrize("header", ["Basic b2xpdmU6eA==", "Basic !", "Basic", "Basic /w==", "basic ADo="])
def test_whoever_tries_to_prove_to_be_a_client_has_to_prove_it(olive: User, header: str) -> None:
    """RFC 6749 section 2.3.1; never `WWW-Authenticate`, which the app takes for a failure (contract 6.3)."""
    answer = _post(GOOD, Authorization=header)
    _refused(answer, BAD_CLIENT)
    assert not Session.objects.exists()
