"""The site calls nobody but the identity providers that the operator names: whatever address somebody gives us, it is
compared and never fetched (CWE-918). `tests.company_account` holds what is called of providers."""

from __future__ import annotations

import ast
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from django.test import Client as Browser

from tests.support.api.client import Api
from tests.support.oauth.code_flow import code_for, login_form, redeem
from tests.support.sources import name_of, sources
from users.models import User
from users.models.oauth.client import Client

ROOMS = ("config", "users", "warehouses", "assignments")
#: Modules that open connections, of the standard library and of what is installed.
CALLERS = {"aiohttp", "asyncio", "ftplib", "http", "httpx", "imaplib", "poplib", "requests", "smtplib", "socket"}
CALLERS |= {"socketserver", "ssl", "urllib", "urllib3", "xmlrpc"}
#: What the site imports of them: names of statuses, the parsing of addresses, and what it listens with.
HARMLESS = {
    ("http", "HTTPStatus"),
    ("urllib", "parse"),
    ("socket", "config/server/stuck_requests.py"),
    ("socket", "config/management/commands/serve.py"),
}
#: Of Authlib, what calls others; and the one module that has it, which is loaded only with `OIDC_PROVIDERS`.
CALLING = re.compile(r"\bauthlib\.integrations\.(?!django_oauth2\b)")
CALLER = "users/company_account/client.py"


@pytest.fixture
def trap() -> Iterator[Any]:
    """A server that notices whoever calls; it answers nobody."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def was_called(trap: Any) -> bool:
    try:
        caller, _address = trap.accept()
    except BlockingIOError:
        return False
    caller.close()
    return True


def test_the_trap_notices_a_call(trap: Any) -> None:
    socket.create_connection(trap.getsockname()).close()
    assert was_called(trap)


def test_no_address_that_somebody_gives_is_called(trap: Any, pat: User, as_ada: Browser) -> None:
    site = "http://127.0.0.1:{1}".format(*trap.getsockname())
    scanner = Client(client_id="scanner", name="Scanner", redirect_uris=[f"{site}/cb"], allowed_origins=[site])
    scanner.save()
    assert as_ada.get(f"/admin/users/client/{scanner.pk}/change/").status_code == 200
    code = code_for(pat, client_id="scanner", redirect_uri=f"{site}/cb")
    tokens = redeem(code, client_id="scanner", redirect_uri=f"{site}/cb").json()
    foreign = {"Origin": site, "Referer": site, "Host": site.removeprefix("http://"), "X-Forwarded-Host": site}
    Api(tokens["access_token"]).get(f"/users?url={site}", **foreign)
    Browser().post("/authorize", login_form(pat, request_uri=site, redirect_uri=f"{site}/elsewhere"), headers=foreign)
    Browser().post(f"/admin/login/?next={site}", {"username": pat.email, "password": "x"}, headers=foreign)
    assert not was_called(trap)


def test_no_key_is_fetched_for_a_token_that_names_its_own(trap: Any, pat: User) -> None:
    """RFC 8725 section 3.10: `jku` and `x5u` are not followed."""
    site = "http://127.0.0.1:{1}".format(*trap.getsockname())
    for name in ("jku", "x5u"):
        token = jwt.encode({"sub": str(pat.uuid)}, "x" * 64, "HS256", headers={name: f"{site}/keys", "kid": "theirs"})
        assert Api(token).get("/users").status_code == 401
    assert not was_called(trap)


def test_nothing_of_ours_could_call_another_host() -> None:
    """But for PostgreSQL, which psycopg calls, and the mail server, which Django does: both are settings."""
    assert {one for path in sources(*ROOMS) for one in _callers(path)} == HARMLESS


def test_one_module_calls_identity_providers() -> None:
    assert [name_of(path) for path in sources(*ROOMS) if CALLING.search(path.read_text())] == [CALLER]


def _callers(path: Path) -> Iterator[tuple[str, str]]:
    """Module and part of it, or, if it is imported whole, module and file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [(*alias.name.split("."), name_of(path))[:2] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(*(node.module or "").split("."), alias.name)[:2] for alias in node.names]
        else:
            continue
        yield from ((module, part) for module, part in names if module in CALLERS)
