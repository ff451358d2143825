"""An identity provider on loopback whose tokens a test may make wrong, which a certified provider does not let happen.

It speaks discovery, keys, token and UserInfo endpoint. At `/authorize` it lets everybody in at once; without a browser,
`Walk.answer` plays that.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from django.test import Client
from joserfc import jwt
from joserfc.jwk import RSAKey

from config.company_account.provider import Provider

CLIENT_ID, CLIENT_SECRET = "back-office", "a-secret-of-the-provider's-own"
#: Made once: it takes a moment.
KEY, OTHER_KEY = (RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"}) for kid in ("one", "two"))

Change = Callable[[dict[str, Any]], dict[str, Any] | None]


class Forger(ThreadingHTTPServer):
    """`claims` are those of the person who signs in. `forge` gets the claims of each ID token, and may change them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.forge: Change = lambda claims: claims
        self.key, self.published = KEY, [KEY]
        self.header: dict[str, Any] = {}
        #: What differs in the answer that the browser brings back.
        self.answer: dict[str, str] = {}
        self.token_error: tuple[int, dict[str, Any]] | None = None
        #: Code → what was asked for with it.
        self.codes: dict[str, dict[str, str]] = {}
        self.calls: list[str] = []
        #: The path whose answer never ends, and whether it is sent in chunks (RFC 9112 section 7.1).
        self.endless, self.is_chunked = "", False

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def provider(self, **settings: Any) -> Provider:
        usual: dict[str, Any] = {
            "name": "forger",
            "label": "Forger",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
        return Provider(**usual | {"issuer": self.issuer, "allows_loopback": True} | settings)

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/logout",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        } | self.metadata

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        algorithms = [header.get("alg", "RS256")]
        return jwt.encode({"alg": "RS256", "kid": self.key.kid, **header}, claims, self.key, algorithms=algorithms)

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce}
        claims = usual | self.claims
        changed = self.forge(claims)
        return self.signed(changed if changed is not None else claims, **self.header)

    def answer_to(self, asked: dict[str, str]) -> str:
        code = f"code-for-{asked['state']}"
        self.codes[code] = asked
        query = {"code": code, "state": asked["state"], "iss": self.issuer} | self.answer
        return f"{asked['redirect_uri']}?{urlencode(query)}"

    def token(self, body: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """RFC 6749 section 4.1.3 and RFC 7636 section 4.6."""
        if self.token_error:
            return self.token_error
        asked = self.codes.pop(body.get("code", ""), None)
        secret = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(body.get("code_verifier", "").encode()).digest())
        if asked is None or asked["code_challenge"] != challenge.rstrip(b"=").decode():
            return 400, {"error": "invalid_grant"}
        if authorization != f"Basic {secret}" or asked["redirect_uri"] != body["redirect_uri"]:
            return 401, {"error": "invalid_client"}
        answer = {"access_token": "an-access-token", "token_type": "Bearer", "expires_in": 300}
        return 200, answer | {"id_token": self.id_token(asked["nonce"])}


class _Handler(BaseHTTPRequestHandler):
    server: Forger

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.server.calls.append(path)
        match path:
            case self.server.endless:
                self._send_without_end()
            case "/.well-known/openid-configuration":
                self._send(200, self.server.discovery())
            case "/jwks":
                self._send(200, {"keys": [key.as_dict(private=False) for key in self.server.published]})
            case "/authorize":
                self._send(302, {"location": self.server.answer_to(dict(parse_qsl(urlsplit(self.path).query)))})
            case "/userinfo":
                self._send(200, {"sub": self.server.claims.get("sub")} | self.server.userinfo)
            case _:
                self._send(404, {})

    def do_POST(self) -> None:
        self.server.calls.append(self.path)
        if self.path == self.server.endless:
            return self._send_without_end()
        body = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self._send(*self.server.token(body, self.headers["Authorization"] or ""))

    def _send_without_end(self) -> None:
        """Until the other side has had enough."""
        self.protocol_version = "HTTP/1.1"
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if self.server.is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        blanks = b" " * 65_536
        part = b"10000\r\n" + blanks + b"\r\n" if self.server.is_chunked else blanks
        with suppress(ConnectionError):
            while True:
                self.wfile.write(part)

    def _send(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        if "location" in content:
            self.send_header("Location", content["location"])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def serving() -> Iterator[Forger]:
    with Forger() as forger:
        threading.Thread(target=forger.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield forger
        forger.shutdown()


@dataclass
class Walk:
    """One browser on its way to the provider and back."""

    forger: Forger
    browser: Client = field(default_factory=Client)
    name: str = "forger"
    asked: dict[str, str] = field(default_factory=dict)

    def begin(self, **query: str) -> Any:
        answer = self.browser.get(f"/admin/company-account/{self.name}/", query)
        if answer.status_code == 302:
            self.asked = {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}
            self.forger.codes[f"code-for-{self.asked['state']}"] = self.asked
        return answer

    def answer(self, **changes: str | None) -> Any:
        """What the browser brings back; None leaves a parameter out."""
        state = self.asked["state"]
        query = {"state": state, "code": f"code-for-{state}", "iss": self.forger.issuer} | changes
        sent = {name: value for name, value in query.items() if value is not None}
        return self.browser.get(f"/admin/company-account/{self.name}/callback/", sent)

    def through(self, **query: str) -> Any:
        self.begin(**query)
        return self.answer()
