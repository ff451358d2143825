"""A page on another origin, as the Fulfillment App is one: what a real Chromium lets it read of our answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import (
    ASSIGNMENTS,
    INVALID_TOKEN,
    JSON_API,
    NOT_FOUND,
    PASSWORD,
    UNAUTHORIZED,
    error,
    sign_in,
)
from tests.support.waiting import MOST_SECONDS
from users.models import User
from users.oauth.clients import allowed_origins

pytestmark = pytest.mark.thorough

UNKNOWN = f"{ASSIGNMENTS}/a6f8da15-cd2e-4923-89ed-56dc94865418"
#: Sends a request as a page does; what the page may not read is an exception there.
SEND = """async ([url, request]) => {
    try {
        const answer = await fetch(url, request);
        const text = await answer.text();
        return {status: answer.status, body: text ? JSON.parse(text) : null};
    } catch (problem) {
        return {problem: problem.name};
    }
}"""
UNREADABLE = {"problem": "TypeError"}


class EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Another origin</title>")

    def log_message(self, *_: Any) -> None:
        """The test says what went wrong."""


@pytest.fixture
def other_origin() -> Iterator[str]:
    """The origin of a server that serves an empty page."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(browser: Browser, other_origin: str) -> Iterator[Page]:
    """The page there. Nothing is intercepted: Playwright would answer preflights itself."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(1_000 * MOST_SECONDS)
    page.goto(other_origin)
    yield page
    context.close()


@pytest.fixture
def send(page: Page, live_server: LiveServer) -> Any:
    def send(method: str, path: str, token: str | None = None, body: str | None = None, **headers: str) -> Any:
        sent = {"Content-Type": JSON_API, **({"Authorization": f"Bearer {token}"} if token else {}), **headers}
        return page.evaluate(SEND, [f"{live_server.url}{path}", {"method": method, "headers": sent, "body": body}])

    return send


@pytest.fixture
def registered(settings: Any, other_origin: str) -> None:
    settings.DEFAULT_CLIENT_ORIGINS = [other_origin]


ACTIVATE = '{"data":{"attributes":{"isActive":true}}}'


@pytest.mark.usefixtures("registered")
def test_a_page_of_the_app_reads_and_switches(send: Any, pat: User, pat_north: WarehouseUserAssignment) -> None:
    form = f"grant_type=password&username={pat.email}&password={PASSWORD}"
    signed_in = send("POST", "/token", body=form, **{"Content-Type": "application/x-www-form-urlencoded"})
    assert signed_in["status"] == 200
    token = signed_in["body"]["access_token"]
    listed = send("GET", ASSIGNMENTS, token)
    assert (listed["status"], [row["id"] for row in listed["body"]["data"]]) == (200, [str(pat_north.uuid)])
    switched = send("PATCH", f"{ASSIGNMENTS}/{pat_north.uuid}", token, ACTIVATE)
    assert (switched["status"], switched["body"]["data"]["attributes"]["isActive"]) == (200, True)


@pytest.mark.usefixtures("registered")
def test_a_page_of_the_app_reads_why_it_was_refused(send: Any, pat: User) -> None:
    token = sign_in(pat.email)["access_token"]
    assert send("GET", ASSIGNMENTS) == {"status": 401, "body": {"errors": [UNAUTHORIZED]}}
    assert send("GET", ASSIGNMENTS, "nonsense") == {"status": 401, "body": {"errors": [INVALID_TOKEN]}}
    assert send("PATCH", UNKNOWN, "nonsense", ACTIVATE) == {"status": 401, "body": {"errors": [INVALID_TOKEN]}}
    assert send("GET", UNKNOWN, token) == {"status": 404, "body": {"errors": [NOT_FOUND]}}
    assert send("PATCH", UNKNOWN, token, ACTIVATE) == {"status": 404, "body": {"errors": [NOT_FOUND]}}
    nowhere = {"status": 404, "body": {"errors": [error(404, "Not found", "007")]}}
    assert send("GET", "/no-such-path", token) == nowhere


def test_a_foreign_page_reads_nothing_and_changes_nothing(
    send: Any, page: Page, live_server: LiveServer, pat: User, pat_north: WarehouseUserAssignment, monkeypatch: Any
) -> None:
    monkeypatch.setattr(allowed_origins, "allowed_origins", allowed_origins.AllowedOrigins())
    token = sign_in(pat.email)["access_token"]
    for path in (ASSIGNMENTS, UNKNOWN, "/no-such-path"):
        assert send("GET", path, token) == send("GET", path) == UNREADABLE
    assert send("PATCH", f"{ASSIGNMENTS}/{pat_north.uuid}", token, ACTIVATE) == UNREADABLE
    pat_north.refresh_from_db()
    assert not pat_north.is_active
    simple = [f"{live_server.url}/.well-known/jwks.json", {"method": "GET"}]  # sent without a preflight
    assert page.evaluate(SEND, simple) == UNREADABLE
    assert urlsplit(live_server.url).netloc != urlsplit(page.url).netloc
