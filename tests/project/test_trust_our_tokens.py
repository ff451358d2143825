"""The page for services, `docs/trust-our-tokens.md`: its code runs as printed, in front of a real server."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
import pytest
from django.conf import settings
from django.utils import timezone

from tests.support.api.client import Api
from tests.support.oauth.held_tokens import Issued
from tests.support.waiting import MOST_SECONDS
from users.oauth.tokens import key_ring

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

PAGE = settings.BASE_DIR / "docs" / "trust-our-tokens.md"


@pytest.fixture
def printed(live_url: str, issued: Issued) -> dict[str, Any]:
    """The functions of the page, with this site in place of its example."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(code.strip().splitlines()) <= 35
    for example, own in {
        'ISSUER = SITE = "https://warehouse.example.com"': f"ISSUER, SITE = {settings.ISSUER!r}, {live_url!r}",
        "shown once in the Back Office": issued.service["client_secret"],
        "timeout=2": f"timeout={MOST_SECONDS}",  # a busy machine takes longer
    }.items():
        assert example in code
        code = code.replace(example, own)
    functions: dict[str, Any] = {}
    exec(code, functions)
    return functions


@pytest.fixture
def gate() -> Iterator[Callable[..., Any]]:
    """A tiny resource server: opens for a token that its check believes, in its own warehouse."""
    servers = []

    def open_gate(check: Callable[[str], Any], warehouse: str) -> Callable[[str], int]:
        class Gate(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told = check(self.headers["Authorization"].removeprefix("Bearer "))
                self.send_response(200 if told and told["warehouse"] == warehouse else 401)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """The test says what went wrong."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
        threading.Thread(target=server.serve_forever).start()
        servers.append(server)
        address = f"http://127.0.0.1:{server.server_port}"
        return lambda token: (
            httpx.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=MOST_SECONDS).status_code
        )

    yield open_gate
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def gates(printed: dict[str, Any], gate: Callable[..., Any], issued: Issued) -> list[Callable[[str], int]]:
    """One that looks at signatures, one that asks us."""
    return [gate(printed[check], str(issued.row.warehouse.uuid)) for check in ("claims_of", "valid_claims_of")]


def test_both_gates_open_for_who_works_there_now(gates: list[Callable[[str], int]], issued: Issued) -> None:
    assert [opens(issued.warehouse_token) for opens in gates] == [200, 200]


def test_only_asking_knows_at_once_that_somebody_has_left(gates: list[Callable[[str], int]], issued: Issued) -> None:
    issued.row.deactivate()
    assert [opens(issued.warehouse_token) for opens in gates] == [200, 401]


def test_no_other_token_opens_a_gate(gates: list[Callable[[str], int]], issued: Issued, pat_river: Any) -> None:
    claims = jwt.decode(issued.warehouse_token, options={"verify_signature": False})
    pat_river.activate()
    elsewhere = Api(issued.user_token).post("/warehouse-tokens").json()[0]["accessToken"]
    bad = {
        "of a user": issued.user_token,
        "to refresh with": issued.warehouse_refresh_token,
        "forged": issued.warehouse_token[:-4] + "AAAA",
        "expired": key_ring.encode(claims | {"exp": timezone.now().timestamp() - 60}),
        "of another issuer": key_ring.encode(claims | {"iss": "https://evil.example.com"}),
        "without a signature": jwt.encode(claims, "", algorithm="none"),
        "for another warehouse": elsewhere,
    }
    for kind, token in bad.items():
        assert [opens(token) for opens in gates] == [401, 401], kind


def test_the_page_raises_when_we_do_not_answer(printed: dict[str, Any]) -> None:
    printed["SITE"] = "http://127.0.0.1:9"
    with pytest.raises(OSError, match="refused"):
        printed["valid_claims_of"]("token")
