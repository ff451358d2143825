"""The Fulfillment App in a real Chromium, on an origin of its own, through oauth4webapi 2.1.0 (contract section 6)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, Request, expect
from pytest_django.live_server_helper import LiveServer

from assignments.models import WarehouseUserAssignment
from tests.support.api.client import JSON_API, PASSWORD
from tests.support.waiting import MOST_SECONDS
from users.models import Session, User

APP = Path(__file__).parent / "fulfillment_app"
FORM = "application/x-www-form-urlencoded;charset=UTF-8"


class AppFiles(BaseHTTPRequestHandler):
    """The app's files; every other path is one of its pages."""

    backend = ""

    def do_GET(self) -> None:
        name = urlsplit(self.path).path.removeprefix("/")
        if name == "settings.js":
            settings = {"BACKEND": self.backend, "CLIENT_ID": "frontend"}
            content = "".join(f"export const {key} = {json.dumps(value)};" for key, value in settings.items()).encode()
        else:
            content = (APP / (name if name.endswith(".js") else "index.html")).read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if name.endswith(".js") else "text/html")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """The test says what went wrong."""


@pytest.fixture
def app(live_server: LiveServer, settings: Any) -> Iterator[str]:
    """The app's origin, registered for the default client as an operator would."""
    handler = type("Files", (AppFiles,), {"backend": live_server.url})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        origin = f"http://127.0.0.1:{server.server_port}"
        settings.DEFAULT_CLIENT_REDIRECT_URIS = [f"{origin}/oauth/cb/spryker"]
        settings.DEFAULT_CLIENT_ORIGINS = [origin]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield origin
        server.shutdown()
        thread.join()


@pytest.fixture
def calls() -> list[Request]:
    """Every request that the app sent to us, in order."""
    return []


@pytest.fixture
def phone(browser: Browser, app: str, live_server: LiveServer, calls: list[Request]) -> Iterator[Page]:
    """A picker's phone with the app open. Nothing is intercepted: Playwright would answer preflights itself."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.on("request", lambda request: calls.append(request) if request.url.startswith(live_server.url) else None)
    page = context.new_page()
    page.set_default_timeout(1_000 * MOST_SECONDS)
    page.goto(app)
    yield page
    context.close()


def log_in(phone: Page, user: User, password: str = PASSWORD) -> None:
    phone.get_by_label("Email").fill(user.email)
    phone.get_by_label("Password").fill(password)
    phone.get_by_role("button", name="Login").click()


def posted(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.post_data or ""))


def to(calls: list[Request], path: str) -> list[Request]:
    return [call for call in calls if urlsplit(call.url).path.startswith(path)]


@pytest.fixture
def two_places(
    pat: User, north: Any, river: Any, assign: Callable[..., WarehouseUserAssignment]
) -> tuple[WarehouseUserAssignment, WarehouseUserAssignment]:
    return assign(pat, north, is_active=True), assign(pat, river)


def test_a_picker_logs_in_and_chooses_a_warehouse(
    phone: Page, calls: list[Request], pat: User, two_places: Any
) -> None:
    log_in(phone, pat)
    phone.get_by_role("button", name="Select River Annex").click()
    expect(phone.get_by_role("status")).to_have_text("You are in River Annex")
    assert [(row.warehouse.name, row.is_active) for row in WarehouseUserAssignment.objects.order_by("id")] == [
        ("North Dock", False),
        ("River Annex", True),
    ]

    (asked,) = to(calls, "/authorize")
    assert set(posted(asked)) == {
        *("client_id", "response_type", "redirect_uri", "scope", "code_challenge", "code_challenge_method"),
        *("username", "password"),
    }
    (redeemed,) = to(calls, "/token")
    assert redeemed.headers["content-type"] == FORM
    assert set(posted(redeemed)) == {"redirect_uri", "code_verifier", "code", "grant_type", "client_id"}
    listed, patched = to(calls, "/warehouse-user-assignments")
    assert (listed.method, listed.headers["content-type"], listed.post_data) == ("GET", JSON_API, None)
    assert (patched.method, patched.post_data_json) == ("PATCH", {"data": {"attributes": {"isActive": True}}})


@pytest.mark.thorough
def test_the_callback_is_given_the_code_and_nothing_else(phone: Page, app: str, pat: User, two_places: Any) -> None:
    """Every member of the answer becomes a parameter: a `null` or an `iss` would end up in the address (6.7)."""
    with phone.expect_request(lambda request: "/oauth/cb/" in request.url) as seen:
        log_in(phone, pat)
    address = urlsplit(seen.value.url)
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{app}/oauth/cb/spryker"
    assert [name for name, _ in parse_qsl(address.query)] == ["code"]
    expect(phone.get_by_role("button", name="Select River Annex")).to_be_visible()


@pytest.mark.thorough
def test_a_wrong_password_is_reported_and_the_same_form_works_again(phone: Page, pat: User, two_places: Any) -> None:
    log_in(phone, pat, "wrong-Horse-7!")
    expect(phone.get_by_role("status")).to_have_text("Username or password is invalid")
    assert not Session.objects.exists()
    log_in(phone, pat)
    expect(phone.get_by_role("button", name="Select North Dock")).to_be_visible()


@pytest.mark.thorough
def test_an_app_that_is_not_registered_gets_no_code(phone: Page, pat: User, settings: Any) -> None:
    settings.DEFAULT_CLIENT_REDIRECT_URIS = ["https://another.example.com/oauth/cb/spryker"]
    log_in(phone, pat)
    expect(phone.get_by_role("status")).to_have_text("Username or password is invalid")
    assert not Session.objects.exists()


@pytest.mark.thorough
def test_somebody_without_a_warehouse_sees_a_message(phone: Page, pat: User) -> None:
    log_in(phone, pat)
    expect(phone.get_by_role("status")).to_have_text("You are not assigned to any locations")


def test_a_401_is_answered_by_one_refresh_and_the_work_goes_on(
    phone: Page, calls: list[Request], pat: User, two_places: Any
) -> None:
    log_in(phone, pat)
    expect(phone.get_by_role("button", name="Select River Annex")).to_be_visible()
    phone.evaluate(
        """() => {
            const token = JSON.parse(localStorage.getItem("oryx.oauth-token"));
            token.access_token = token.access_token.slice(0, -4) + "AAAA";
            localStorage.setItem("oryx.oauth-token", JSON.stringify(token));
        }"""
    )
    calls.clear()
    phone.get_by_role("button", name="Select River Annex").click()
    expect(phone.get_by_role("status")).to_have_text("You are in River Annex")
    (refreshed,) = to(calls, "/token")
    assert {name: value for name, value in posted(refreshed).items() if name != "refresh_token"} == {
        "grant_type": "refresh_token",
        "client_id": "frontend",
    }
    assert [request.response().status for request in to(calls, "/warehouse-user-assignments")] == [401, 200]  # type: ignore[union-attr]


@pytest.mark.thorough
def test_a_session_ended_by_staff_leads_to_the_login_page(phone: Page, app: str, pat: User, two_places: Any) -> None:
    log_in(phone, pat)
    expect(phone.get_by_role("button", name="Select River Annex")).to_be_visible()
    Session.objects.update(ended_at=timezone.now(), end_reason="lost phone")
    phone.get_by_role("button", name="Select River Annex").click()
    expect(phone.get_by_role("button", name="Login")).to_be_visible()
    assert phone.evaluate("localStorage.getItem('oryx.oauth-token')") is None


@pytest.mark.thorough
def test_what_cannot_be_done_is_explained_in_words(phone: Page, pat: User, two_places: Any) -> None:
    log_in(phone, pat)
    expect(phone.get_by_role("button", name="Select River Annex")).to_be_visible()
    WarehouseUserAssignment.objects.all().delete()
    phone.get_by_role("button", name="Select River Annex").click()
    expect(phone.get_by_role("status")).to_have_text("Warehouse user assignment not found.")
