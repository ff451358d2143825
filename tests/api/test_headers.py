"""What every answer tells browsers and caches (contract 2.0)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.staticfiles import finders
from django.test import Client

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import ASSIGNMENTS, Api
from tests.support.api.openapi import api_routes
from tests.support.cases import each
from users.models import User

UNKNOWN = "a6f8da15-cd2e-4923-89ed-56dc94865418"
EXPECTED = {
    "Permissions-Policy": "",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "X-XSS-Protection": "1; mode=block",
}


def check(answer: Any) -> None:
    """The contract's headers; and no frame but our own may show it."""
    assert {name: answer.get(name) for name in EXPECTED} == EXPECTED
    assert "frame-ancestors 'self'" in answer["Content-Security-Policy"].split("; ")


def is_kept_nowhere(answer: Any) -> bool:
    return "no-store" in answer["Cache-Control"]


@each(("method", "path"), sorted({*api_routes(), ("GET", "/no-such-path"), ("OPTIONS", "/users")}))
def test_every_answer_of_the_api_carries_them_and_is_kept_nowhere(
    as_olive: Api, as_pat: Api, method: str, path: str
) -> None:
    """But for what is the same for everybody and says so itself: the keys, and what else is public."""
    for api in (Api(), Api("nonsense"), as_olive, as_pat):
        answer = api.call(method, path.replace("{uuid}", UNKNOWN))
        check(answer)
        assert is_kept_nowhere(answer) or answer["Cache-Control"].startswith("public, ")
        wrong_method = api.call("PUT", path.replace("{uuid}", UNKNOWN))
        check(wrong_method)
        assert is_kept_nowhere(wrong_method)


def test_what_depends_on_a_token_is_kept_nowhere(as_pat: Api, pat: User, pat_north: WarehouseUserAssignment) -> None:
    pat_north.activate()
    paths = (ASSIGNMENTS, f"{ASSIGNMENTS}/{pat_north.uuid}", "/users", f"/users/{pat.uuid}", "/warehouses")
    answers = [*(as_pat.get(path) for path in paths), as_pat.post("/warehouse-tokens")]
    assert [answer.status_code for answer in answers] == [200] * 5 + [201]
    assert [answer["Cache-Control"] for answer in answers] == ["no-store"] * 6


def test_an_answer_without_a_body_describes_none(as_olive: Api, pat_north: WarehouseUserAssignment) -> None:
    answer = as_olive.delete(f"{ASSIGNMENTS}/{pat_north.uuid}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert {"Content-Type", "Content-Length"} & set(answer.headers) == set()
    check(answer)


def test_the_keys_are_kept_for_five_minutes(anonymous: Api) -> None:
    assert anonymous.get("/.well-known/jwks.json")["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize(
    "path",
    ["/", *(f"/{pages}{path}" for pages in ("admin", "account") for path in ("", "/", "/login/", "/no-such-page/"))],
)
def test_every_page_carries_them_and_is_kept_nowhere(as_ada: Client, path: str) -> None:
    for client in (Client(), as_ada):
        answer = client.get(path)
        check(answer)
        assert is_kept_nowhere(answer)


@pytest.mark.parametrize("path", ["/admin/users/user/", "/users"])
def test_a_crash_carries_them(as_ada: Client, as_olive: Api, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("defect")

    monkeypatch.setattr("django.db.models.query.QuerySet._fetch_all", fail)
    as_ada.raise_request_exception = False
    answer = as_olive.get(path) if path == "/users" else as_ada.get(path)
    monkeypatch.undo()
    assert answer.status_code == 500
    check(answer)
    assert is_kept_nowhere(answer)


def test_a_body_too_large_is_refused_with_them(as_olive: Api) -> None:
    answer = as_olive.call("POST", ASSIGNMENTS, b"x" * (site.MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
    check(answer)


@pytest.mark.parametrize("path", ["/users", "/admin/", "/static/x.js"])
@pytest.mark.parametrize("https", [True, False])
def test_a_host_that_is_not_ours_is_refused_with_them(settings: Any, path: str, https: bool) -> None:
    settings.SECURE_SSL_REDIRECT = https
    answer = Client().get(path, headers={"Host": "evil.example.test"})
    assert answer.status_code == 400
    check(answer)
    assert is_kept_nowhere(answer)


@pytest.fixture
def over_tls(settings: Any) -> Callable[[str], Any]:
    """As in production: HTTPS=true."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    return lambda path, **headers: Client().get(path, secure=True, headers=headers)


@pytest.mark.parametrize("path", ["/users", "/token", "/no-such-path", "/docs", "/admin/login/", "/"])
def test_over_tls_responses_have_hsts(db: None, over_tls: Callable[..., Any], path: str) -> None:
    assert over_tls(path)["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"


def test_without_tls_the_way_to_it_carries_them(over_tls: Callable[..., Any]) -> None:
    answer = Client().get("/users")
    assert (answer.status_code, answer["Location"]) == (301, "https://testserver/users")
    check(answer)


@pytest.mark.django_db(transaction=True)  # at the end of an answer, a connection is looked after, if there is one
def test_a_static_file_carries_them_and_may_be_kept(settings: Any, tmp_path: Any) -> None:
    found = finders.find("config/docs.css")
    assert isinstance(found, str)
    shutil.copy(found, tmp_path)
    settings.STATIC_ROOT = tmp_path
    answer = Client().get("/static/docs.css")
    assert answer.status_code == 200
    assert answer.streaming
    answer.close()
    check(answer)
    assert answer["Cache-Control"] == "max-age=60, public"
    assert "Access-Control-Allow-Origin" not in answer
