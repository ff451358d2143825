"""Who may read our answers from a page of another origin (contract 2.0 and 6.7)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import OperationalError, connection
from django.test import Client as Browser

from assignments.models import WarehouseUserAssignment
from config.api.errors import NOT_ALLOWED, ORIGIN_MISSING
from tests.support.api.client import ASSIGNMENTS, FORM, JSON_API, PASSWORD, Api, error, refusal, sign_in
from tests.support.api.openapi import api_routes
from tests.support.cases import each
from users.models import User
from users.models.oauth.client import Client
from users.oauth.clients import allowed_origins

APP = "https://app.example.test"
PARTNER = "https://picking.example.test:8443"
FOREIGN = "https://evil.example.test"
UNKNOWN = "a6f8da15-cd2e-4923-89ed-56dc94865418"
#: Every CORS header of an answer that a page of the app may read.
READABLE = {"access-control-allow-origin": APP, "access-control-expose-headers": "Location, Retry-After"}
PREFLIGHT = READABLE | {
    "access-control-allow-methods": "DELETE, GET, HEAD, PATCH, POST",
    "access-control-allow-headers": "accept, content-type, content-language, accept-language, authorization, "
    "traceparent, tracestate, baggage, sentry-trace, x-request-id, idempotency-key, if-match, prefer",
    "access-control-max-age": "86400",
}
ROUTES = sorted({*api_routes(), ("GET", "/no-such-path"), ("POST", "/warehouse-user-assignments/a/b")})


@pytest.fixture(autouse=True)
def clients(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The app, from the settings; a partner, registered; a process that has just started."""
    settings.DEFAULT_CLIENT_ORIGINS = [APP]
    Client.objects.create(client_id="partner", name="Picking", allowed_origins=[PARTNER])
    monkeypatch.setattr(allowed_origins, "allowed_origins", allowed_origins.AllowedOrigins())


def cors(answer: Any) -> dict[str, str]:
    """The CORS headers of an answer. An answer of the API depends on the origin, so caches are always told."""
    assert "origin" in answer.get("Vary", "").lower().replace(" ", "").split(",")
    return {name.lower(): value for name, value in answer.headers.items() if name.lower().startswith("access-control")}


def ask(path: str, method: str = "GET", headers: str = "authorization,content-type", origin: str = APP) -> Any:
    """The answer to a preflight."""
    wanted = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return Browser().options(path, headers={"Origin": origin, **wanted})


# --- Every answer -----------------------------------------------------------------------------------------------
@pytest.fixture
def callers(as_olive: Api, as_pat: Api) -> list[Api]:
    return [Api(), Api("nonsense"), as_olive, as_pat]


@each(("method", "path"), ROUTES)
def test_a_page_of_the_app_reads_every_answer_and_a_foreign_page_none(
    callers: list[Api], method: str, path: str
) -> None:
    """With and without a token, as each kind of user: successes, 400, 401, 403 and 404; then 405 and 415."""
    nobody, *_, office, _ = callers
    wrong_type: dict[str, Any] = {"body": b"x", "content_type": "text/plain"}
    tries: list[tuple[Api, dict[str, Any]]] = [
        *((api, {}) for api in callers),
        *((api, {"method": "PUT"}) for api in (nobody, office)),
        (office, wrong_type),
    ]
    for api, sent in tries:
        request: dict[str, Any] = {"method": method, "path": path.replace("{uuid}", UNKNOWN)} | sent
        plain, own, foreign = (api.call(**request, **origin) for origin in ({}, {"Origin": APP}, {"Origin": FOREIGN}))
        assert cors(own) == READABLE, (request, own.status_code)
        assert (cors(plain), cors(foreign)) == ({}, {})
        assert foreign.status_code == own.status_code == plain.status_code


@pytest.mark.parametrize("origin", [APP, PARTNER])
def test_a_page_reads_what_it_did(as_olive: Api, pat: User, north: Any, pat_river: Any, origin: str) -> None:
    """200, 201, 204; and from the client that is registered as from the one in the settings."""
    wanted = {"userUuid": str(pat.uuid), "warehouse": {"uuid": str(north.uuid)}}
    item = f"{ASSIGNMENTS}/{pat_river.uuid}"
    answers = [
        as_olive.post(ASSIGNMENTS, wanted, Origin=origin),
        as_olive.patch(item, {"isActive": True}, Origin=origin),
        as_olive.get(item, Origin=origin),
        as_olive.delete(item, Origin=origin),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 204]
    assert [cors(answer) for answer in answers] == [READABLE | {"access-control-allow-origin": origin}] * 4


def test_a_page_signs_in(pat: User, pat_north: WarehouseUserAssignment) -> None:
    pat_north.activate()
    form = urlencode({"grant_type": "password", "username": pat.email, "password": PASSWORD})
    signed_in = Browser().post("/token", form, content_type=FORM, headers={"Origin": APP})
    assert (signed_in.status_code, cors(signed_in)) == (200, READABLE)
    proof = Api(signed_in.json()["access_token"]).post("/warehouse-tokens", Origin=APP)
    assert (proof.status_code, cors(proof)) == (201, READABLE)


def test_a_page_reads_that_it_tried_too_often(pat: User) -> None:
    form = urlencode({"grant_type": "password", "username": pat.email, "password": "wrong"})
    tries = [Browser().post("/token", form, content_type=FORM, headers={"Origin": APP}) for _ in range(10)]
    assert [answer.status_code for answer in tries] == [400] * 9 + [429]
    assert [cors(answer) for answer in tries] == [READABLE] * 10
    assert tries[-1]["Retry-After"]


def test_a_page_reads_that_its_body_is_too_large(as_olive: Api, settings: Any) -> None:
    answer = as_olive.call("POST", ASSIGNMENTS, b"x" * (settings.MAX_BODY_BYTES + 1), Origin=APP)
    assert (answer.status_code, cors(answer)) == (413, READABLE)


@pytest.mark.parametrize(("problem", "status"), [(RuntimeError("defect"), 500), (OperationalError("closed"), 503)])
def test_a_page_reads_that_we_failed(
    as_pat: Api, monkeypatch: pytest.MonkeyPatch, problem: Exception, status: int
) -> None:
    def fail(*_: Any) -> None:
        raise problem

    monkeypatch.setattr(WarehouseUserAssignment.objects.__class__, "first_visible_to", fail)
    answer = as_pat.get(ASSIGNMENTS, Origin=APP)
    assert (answer.status_code, cors(answer)) == (status, READABLE)


def test_a_page_reads_that_it_called_us_by_a_name_that_is_not_ours(anonymous: Api) -> None:
    answer = anonymous.get(ASSIGNMENTS, Origin=APP, Host="other.example.test")
    assert (answer.status_code, cors(answer)) == (400, READABLE)


@each("path", ["/", "/admin", "/admin/", "/admin/login/", "/admin/no-such-page/", "/static/x.js"])
@each("method", ["GET", "POST", "OPTIONS"])
def test_no_page_of_another_origin_reads_the_back_office(method: str, path: str) -> None:
    answer = Browser().generic(method, path, headers={"Origin": APP, "Access-Control-Request-Method": "GET"})
    assert [name for name in answer.headers if name.lower().startswith("access-control")] == []


# --- Whose page -------------------------------------------------------------------------------------------------
@each(
    "origin",
    [
        "null",
        "*",
        "",
        "https://app.example.test.evil.test",
        "https://app.example.tes",
        "https://evil-app.example.test",
        "https://sub.app.example.test",
        "https://APP.example.test",
        "HTTPS://app.example.test",
        "http://app.example.test",
        "https://app.example.test:443",
        "https://app.example.test:8443",
        "https://app.example.test/",
        "https://app.example.test/path",
        "https://app.example.test?",
        "https://app.example.test#",
        "https://app.example.test.",
        "https://app.example.test@evil.test",
        "https://user@app.example.test",
        "https://app.example.test, https://evil.test",
        "https://app.example.test https://evil.test",
        "https://picking.example.test",
        "https://[app.example.test",
        "app.example.test",
        "file://",
    ],
)
def test_a_look_alike_is_answered_as_if_it_were_nobodys_page(anonymous: Api, origin: str) -> None:
    own, other = anonymous.get(ASSIGNMENTS, Origin=APP), anonymous.get(ASSIGNMENTS, Origin=origin)
    assert (cors(other), other.status_code, other.content) == ({}, own.status_code, own.content)
    preflight = ask(ASSIGNMENTS, origin=origin)
    assert cors(preflight) == {}
    assert refusal(preflight) == [error(400, "Not allowed.")]


def test_origins_cost_no_query_once_they_are_known(as_pat: Api, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert ask(ASSIGNMENTS).status_code == 204  # the default client's never cost any
    with django_assert_num_queries(1):
        assert ask(ASSIGNMENTS, origin=PARTNER).status_code == 204
    with django_assert_num_queries(0):
        assert ask(ASSIGNMENTS, origin=PARTNER).status_code == 204
        assert ask(ASSIGNMENTS, origin=FOREIGN).status_code == 400
    with django_assert_num_queries(2):  # the list itself: session and rows
        assert cors(as_pat.get(ASSIGNMENTS, Origin=PARTNER))["access-control-allow-origin"] == PARTNER


def test_a_change_of_a_client_is_in_force_when_origins_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(ASSIGNMENTS, origin=PARTNER).status_code == 204
    Client.objects.update(allowed_origins=[FOREIGN])
    assert ask(ASSIGNMENTS, origin=PARTNER).status_code == 204  # within ten seconds
    monkeypatch.setattr(allowed_origins, "REFRESH_SECONDS", 0)
    assert ask(ASSIGNMENTS, origin=PARTNER).status_code == 400
    assert ask(ASSIGNMENTS, origin=FOREIGN).status_code == 204


@contextmanager
def silent_database() -> Iterator[None]:
    """Every statement fails as if the server had gone."""

    def refuse(*_: Any) -> None:
        raise OperationalError("server closed the connection")

    with connection.execute_wrapper(refuse):
        yield


def test_while_the_database_is_away_the_origins_last_known_go_on(monkeypatch: pytest.MonkeyPatch, pat: User) -> None:
    monkeypatch.setattr(allowed_origins, "REFRESH_SECONDS", 0)
    token = sign_in(pat.email)["access_token"]
    with silent_database():
        assert (ask(ASSIGNMENTS).status_code, ask(ASSIGNMENTS, origin=PARTNER).status_code) == (204, 400)
    assert ask(ASSIGNMENTS, origin=PARTNER).status_code == 204
    with silent_database():
        assert ask(ASSIGNMENTS, origin=PARTNER).status_code == 204
        for origin in (APP, PARTNER):
            answer = Api(token).get(ASSIGNMENTS, Origin=origin)
            assert (answer.status_code, cors(answer)["access-control-allow-origin"]) == (503, origin)


# --- Preflights -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", sorted({path for _, path in ROUTES}))
def test_every_path_answers_a_preflight(path: str) -> None:
    """Also an unknown one, so that the page can read the 404 that follows."""
    answer = ask(path.replace("{uuid}", UNKNOWN), "PATCH")
    assert (answer.status_code, answer.content, cors(answer)) == (204, b"", PREFLIGHT)
    assert {"Content-Type", "Content-Length"} & set(answer.headers) == set()


@each("method", ["GET", "HEAD", "POST", "PATCH", "DELETE"])
@each("headers", ["", "authorization", "Authorization , CONTENT-TYPE", ",accept,,accept-language"])
def test_what_the_contract_lists_is_allowed(method: str, headers: str) -> None:
    assert ask(ASSIGNMENTS, method, headers).status_code == 204


@pytest.mark.parametrize(
    ("method", "headers"),
    [("PUT", ""), ("get", ""), ("TRACE", ""), ("GET", "x-token"), ("GET", "authorization,cookie"), ("GET", "*")],
)
def test_what_is_not_on_the_list_is_refused(method: str, headers: str) -> None:
    answer = ask(ASSIGNMENTS, method, headers)
    assert refusal(answer) == [error(400, "Not allowed.")]
    assert cors(answer) == PREFLIGHT


def test_options_without_an_origin_is_not_implemented(anonymous: Api) -> None:
    for path in (ASSIGNMENTS, f"{ASSIGNMENTS}/{UNKNOWN}", "/users", "/schema", "/docs"):
        answer = anonymous.call("OPTIONS", path)
        assert refusal(answer) == [error(501, ORIGIN_MISSING.detail)]
        assert cors(answer) == {}


@pytest.mark.parametrize(("headers", "fault"), [({}, ORIGIN_MISSING), ({"Origin": FOREIGN}, NOT_ALLOWED)])
def test_each_family_refuses_a_preflight_in_its_own_shape(headers: dict[str, str], fault: Any) -> None:
    plain, oauth = (Browser().options(path, headers=headers) for path in ("/warehouse-tokens", "/token"))
    assert plain.json() == [{"message": fault.detail, "status": fault.status, "code": None}]
    name = "server_error" if fault.status == 501 else "invalid_request"
    assert oauth.json() == {"error": name, "error_description": fault.detail}
    assert {answer.status_code for answer in (plain, oauth)} == {fault.status}
    assert {answer["Content-Type"] for answer in (plain, oauth)} == {"application/json"}


def test_an_unknown_path_is_reported_before_a_missing_origin(anonymous: Api) -> None:
    assert refusal(anonymous.call("OPTIONS", "/no-such-path")) == [error(404, "Not found", "007")]


def test_a_preflight_asks_for_no_token_and_reads_none(as_pat: Api, django_assert_num_queries: Any) -> None:
    sent = {"Origin": APP, "Access-Control-Request-Method": "GET", "Authorization": "Bearer nonsense"}
    with django_assert_num_queries(0):
        assert as_pat.call("OPTIONS", ASSIGNMENTS, content_type=JSON_API, **sent).status_code == 204
