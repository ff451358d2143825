"""Every cookie that the site sets: over TLS only, out of reach of scripts, and not sent along from other sites."""

from __future__ import annotations

import re
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client

from tests.support.api.client import PASSWORD, Api
from tests.support.api.openapi import api_routes
from tests.support.back_office.pages import PAGES
from tests.support.back_office.staff import signed_in
from tests.support.servers.proxies import FORWARDED, tls_server
from users.models import Session, User
from users.oauth.sessions import start_session

#: As in production. The name of the last is Django's, which knows no setting for it.
NAMES = {"__Host-sessionid", "__Host-csrftoken", "__Host-device", "messages"}


class Jar:
    """Every cookie that was set, with its attributes."""

    def __init__(self) -> None:
        self.found: list[Morsel[str]] = []

    def note(self, answer: httpx.Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            self.found += SimpleCookie(line).values()


@pytest.mark.thorough
@pytest.mark.live
@pytest.mark.django_db(transaction=True)
def test_over_tls_every_cookie_is_secure_http_only_and_of_the_same_site(ada: User, tmp_path: Path) -> None:
    jar = Jar()
    with tls_server(tmp_path, "127.0.0.1") as client:
        client.event_hooks = {"response": [jar.note]}
        client.headers.update(FORWARDED)
        at = str(client.base_url).replace("http:", "https:")
        for path in ("/admin/", "/admin/login/", "/admin/reset/", "/admin/reset/Mg/set-password/", "/docs", "/schema"):
            client.get(path)
        _sign_in(client, ada, at)
    assert {morsel.key for morsel in jar.found} == NAMES
    for morsel in jar.found:
        assert (morsel["secure"], morsel["httponly"], morsel["samesite"], morsel["path"], morsel["domain"]) == (
            (True, True, "Lax", "/", "")
        ), morsel


def _sign_in(client: httpx.Client, ada: User, at: str) -> None:
    """The cookies are for TLS only, and so not sent along by themselves to a server without."""
    page = client.get("/admin/login/")
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    form = {"username": ada.email, "password": PASSWORD, "csrfmiddlewaretoken": token}
    headers = {"Referer": f"{at}/admin/login/", "Cookie": _together(page)}
    answer = client.post("/admin/login/", data=form, headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    inside = client.get("/admin/", headers={"Cookie": _together(answer)})
    assert "Dashboard" in inside.text
    assert client.post("/admin/logout/", headers={"Cookie": _together(answer)}).status_code == 403  # no form's secret


def _together(answer: httpx.Response) -> str:
    return "; ".join(line.partition(";")[0] for line in answer.headers.get_list("set-cookie"))


@pytest.mark.thorough
def test_no_page_sets_any_other_cookie(ada: User, pat: User, pat_north: Any) -> None:
    """Such as one for the language, which would need attributes of its own."""
    client, names = signed_in(ada), set()
    start_session(pat, client_id="frontend", requested_scope="", request=client.get("/admin/").wsgi_request)
    for path in PAGES.values():
        answer = client.get(path(pat=pat, north=pat_north.warehouse, session=Session.objects.get()))
        assert answer.status_code == 200
        names |= set(answer.cookies)
    names |= set(Client(headers={"Accept-Language": "de"}).get("/admin/login/").cookies)
    assert names <= {"sessionid", "csrftoken", "messages"}


def test_no_answer_of_the_api_sets_a_cookie_or_reads_one(as_pat: Api, ada: User) -> None:
    """Nobody's browser signs a request to the API by itself, from whatever site it is sent."""
    inside = signed_in(ada)
    for method, path in sorted(api_routes()):
        path = path.replace("{uuid}", "a6f8da15-cd2e-4923-89ed-56dc94865418")
        assert not as_pat.call(method, path).cookies, (method, path)
        with_cookie, without = inside.generic(method, path), Client().generic(method, path)
        assert not with_cookie.cookies, (method, path)
        assert with_cookie.status_code == without.status_code, (method, path)
        assert with_cookie.getvalue() == without.getvalue(), (method, path)
