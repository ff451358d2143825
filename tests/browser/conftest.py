"""A real Chromium in front of a real server: what a person at the Back Office sees.

Every page is watched. A request to any other host than the server, a line of the browser's console that reports an
error, or an exception in a script fails the test that opened the page.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    ViewportSize,
    WebError,
    expect,
    sync_playwright,
)
from pytest_django.live_server_helper import LiveServer

from tests.support.waiting import MOST_SECONDS
from users.models import User

#: Where a Chromium may be, in the order in which they are tried; the environment's CHROMIUM comes first.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Pages of one context share a process, which the page that `_new_context` leaves open keeps alive with all that it
    # has compiled: a page in a process of its own takes half as much processor time again.
    "--process-per-site",
]
MISSING = (
    "The browser tests need Chromium. Install it with `apt-get install chromium` (Debian, Ubuntu), "
    "`brew install --cask chromium` (macOS) or `.venv/bin/python -m playwright install --with-deps chromium`, "
    "or name the program in the environment variable CHROMIUM."
)
#: The browser asks for it by itself. A route that answers would switch the browser's cache off, and each page would
#: load and compile all scripts and styles anew: more than half of a page's processor time.
FAVICON = "/favicon.ico"
#: Longest wait for anything on a page, in milliseconds: longer than a busy machine takes.
PATIENCE = 1_000 * MOST_SECONDS


def find_chromium(playwright: Playwright) -> str | None:
    """The program to drive: the one named in CHROMIUM, an installed one, Playwright's own, or one installed now."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    own = Path(playwright.chromium.executable_path)
    found = _installed() or (str(own) if own.exists() else None)
    if found is None:
        _install()
        found = _installed() or (str(own) if own.exists() else None)
    return found


def _installed() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _install() -> None:
    """From the system's packages where we may, else as Playwright does it. What fails here is told by `MISSING`."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        commands = [["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]]
    else:
        commands = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    for command in commands:
        subprocess.run(command, check=False, capture_output=True)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this folder. Where there is none, says exactly what to install."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright keeps a loop in this thread; Django would object
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            (pytest.fail if os.environ.get("CI", "").lower() == "true" else pytest.skip)(MISSING)
        expect.set_options(timeout=PATIENCE)
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=PATIENCE)
        yield chromium
        chromium.close()
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)


@dataclass
class Watch:
    """What pages asked for and complained about while a test ran."""

    own_host: str
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    #: Parts of messages that the test itself provokes, such as "status of 403".
    expected: list[str] = field(default_factory=list)

    #: Requests that were sent and not yet answered.
    underway: set[Request] = field(default_factory=set)

    def over(self, context: BrowserContext) -> None:
        for event, note in self._notes().items():
            context.on(event, note)  # type: ignore[call-overload]

    def leave(self, context: BrowserContext) -> None:
        for event, note in self._notes().items():
            context.remove_listener(event, note)

    def _notes(self) -> dict[str, Callable[[Any], None]]:
        return {
            "request": self._note_request,
            "requestfinished": self._note_end,
            "requestfailed": self._note_end,
            "console": self._note_console,
            "weberror": self._note_web_error,
        }

    def _note_request(self, request: Request) -> None:
        self.underway.add(request)
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about") and parts.netloc != self.own_host:
            self.foreign.append(request.url)

    def _note_end(self, request: Request) -> None:
        self.underway.discard(request)

    def _note_console(self, message: ConsoleMessage) -> None:
        url = message.location.get("url", "")
        if message.type == "error" and urlsplit(url).path != FAVICON:
            self._note_error(f"{url}: {message.text}")

    def _note_web_error(self, error: WebError) -> None:
        self._note_error(f"{error.page and error.page.url}: {error.error}")

    def _note_error(self, text: str) -> None:
        self.errors.append(text)

    def check(self) -> None:
        """Fails if anything left the machine or went wrong that the test did not expect."""
        assert self.foreign == [], "requests left the machine"
        unexpected = [error for error in self.errors if not any(part in error for part in self.expected)]
        assert unexpected == [], "the browser reported errors"


@pytest.fixture
def watch(live_server: LiveServer) -> Iterator[Watch]:
    """The watch over every page of this test; `watch.expected.append("status of 403")` permits an error."""
    watch = Watch(urlsplit(live_server.url).netloc)
    yield watch
    watch.check()


@pytest.fixture(scope="package")
def contexts(browser: Browser) -> dict[str, list[BrowserContext]]:
    """Those that no test uses now, by their options: what they have loaded and compiled once, they keep."""
    return defaultdict(list)


@pytest.fixture
def open_page(
    browser: Browser, live_server: LiveServer, watch: Watch, contexts: dict[str, list[BrowserContext]]
) -> Iterator[Callable[..., Page]]:
    """Opens a page of its own, signed in as `user` if given; takes the options of Playwright's `new_context`.

    Cookies and stored data are those of nobody else. The session is made directly: only the tests of the login page
    need to type a password.
    """
    used: list[tuple[str, BrowserContext]] = []

    def open_page(user: User | None = None, viewport: ViewportSize | None = None, **options: Any) -> Page:
        options = {"base_url": live_server.url, "locale": "en-US"} | options
        kind = repr(options)
        context = contexts[kind].pop() if contexts[kind] else _new_context(browser, **options)
        used.append((kind, context))
        watch.over(context)
        context.set_default_timeout(PATIENCE)
        page = _empty_page(context, live_server.url)
        if viewport is not None:
            page.set_viewport_size(viewport)
        if user is not None:
            context.add_cookies([_session_cookie(user, live_server.url)])
        return page

    yield open_page
    for kind, context in used:
        _let_finish(context, watch)
        for page in context.pages[1:]:
            page.close()
        watch.leave(context)
        contexts[kind].append(context)


def _new_context(browser: Browser, **options: Any) -> BrowserContext:
    """With a first page that stays open, and that no test uses."""
    context = browser.new_context(**options)
    context.new_page().goto("/health/live", timeout=PATIENCE)
    return context


def _empty_page(context: BrowserContext, url: str) -> Page:
    """Without anything that the test before has left: its cookies, and what its scripts have stored."""
    page = context.new_page()
    context.clear_cookies()
    session = context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "all"})
    session.detach()
    return page


def _let_finish(context: BrowserContext, watch: Watch) -> None:
    """A request still under way would meet the emptying of the database after the test.

    A closed page does not report the end of its requests.
    """
    patience = PATIENCE
    while context.pages and patience > 0 and any(not one.frame.page.is_closed() for one in watch.underway):
        context.pages[0].wait_for_timeout(50)
        patience -= 50


def _session_cookie(user: User, url: str) -> Any:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": url}


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """A page of someone who has not signed in, 1440 pixels wide."""
    return open_page(viewport={"width": 1440, "height": 900})
