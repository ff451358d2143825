"""An identity provider of Authlib's authorization server with its `OpenIDCode`, on loopback. It lets everybody in."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from authlib.common.security import generate_token
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDCode, UserInfo
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc.jwk import RSAKey

from tests.support.company_account.forger import CLIENT_ID, CLIENT_SECRET, KEY


class _Client(ClientMixin):
    """The one client: this site."""

    def __init__(self, redirect_uri: str) -> None:
        self.redirect_uri = redirect_uri

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class _Code(AuthorizationCodeMixin):
    user: dict[str, Any]
    asked: dict[str, str]
    scope: str
    auth_time: int = field(default_factory=lambda: int(time.time()))

    def __getattr__(self, name: str) -> Any:
        """`code_challenge` and its method."""
        return self.asked.get(name)

    def get_redirect_uri(self) -> str:
        return self.asked["redirect_uri"]

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.asked.get("nonce")

    def get_auth_time(self) -> int:
        return self.auth_time


class _Grant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

    def save_authorization_code(self, code: str, request: Any) -> None:
        self.server.codes[code] = _Code(request.user, request.payload.data, request.payload.scope)

    def query_authorization_code(self, code: str, client: Any) -> _Code | None:
        return self.server.codes.get(code)

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        self.server.codes = {text: code for text, code in self.server.codes.items() if code is not authorization_code}

    def authenticate_user(self, authorization_code: _Code) -> dict[str, Any]:
        return authorization_code.user


class _IDToken(OpenIDCode):
    def __init__(self, provider: AuthlibProvider) -> None:
        super().__init__(require_nonce=True)
        self.provider = provider

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        return any(code.get_nonce() == nonce for code in self.provider.codes.values())

    def resolve_client_private_key(self, client: Any) -> RSAKey:
        return KEY

    def get_encode_header(self, client: Any) -> dict[str, Any]:
        return {"alg": "RS256", "kid": KEY.kid}

    def get_client_claims(self, client: Any) -> dict[str, Any]:
        return {"iss": self.provider.issuer, "aud": [CLIENT_ID]}

    def generate_user_info(self, user: dict[str, Any], scope: str) -> UserInfo:
        return UserInfo(user | self.provider.wrong)


class _Issuer(IssuerParameter):
    def __init__(self, provider: AuthlibProvider) -> None:
        self.provider = provider

    def get_issuer(self) -> str:
        return self.provider.answers_as or self.provider.issuer


class _Request(OAuth2Request):
    """Authlib wants the URL of a request to be https."""

    def __init__(self, method: str, path: str, body: str, headers: Any) -> None:
        super().__init__(method, f"https://provider.example.test{path}", headers=headers)
        self._args, self._form = dict(parse_qsl(urlsplit(path).query)), dict(parse_qsl(body))
        self.payload = BasicOAuth2Payload(self._args | self._form)

    @property
    def args(self) -> dict[str, str]:
        return self._args

    @property
    def form(self) -> dict[str, str]:
        return self._form


@dataclass
class _Answer:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @location.setter
    def location(self, url: str) -> None:
        self.headers["Location"] = url


class AuthlibProvider(AuthorizationServer):
    """`claims` are those of who signs in, None of somebody who declines. `wrong` replaces claims of the ID token, and
    `answers_as` the issuer of the answer in the browser (RFC 9207)."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.issuer = f"http://127.0.0.1:{port}"
        self.redirect_uri = ""
        self.codes: dict[str, _Code] = {}
        self.reset()
        self.register_grant(_Grant, [_IDToken(self), CodeChallenge(required=True)])
        self.register_extension(_Issuer(self))
        self.register_token_generator("default", BearerTokenGenerator(lambda **_: generate_token(42)))

    def reset(self) -> None:
        self.claims: dict[str, Any] | None = None
        self.wrong: dict[str, Any] = {}
        self.answers_as = ""

    def metadata(self) -> dict[str, Any]:
        return dict(
            OpenIDProviderMetadata(
                issuer=self.issuer,
                authorization_endpoint=f"{self.issuer}/authorize",
                token_endpoint=f"{self.issuer}/token",
                jwks_uri=f"{self.issuer}/jwks",
                response_types_supported=["code"],
                subject_types_supported=["public"],
                id_token_signing_alg_values_supported=["RS256"],
                code_challenge_methods_supported=["S256"],
                authorization_response_iss_parameter_supported=True,
            )
        )

    def answer(self, request: _Request) -> _Answer:
        match urlsplit(request.uri).path:
            case "/.well-known/openid-configuration":
                return _Answer(200, self.metadata(), {})
            case "/jwks":
                return _Answer(200, {"keys": [KEY.as_dict(private=False)]}, {})
            case "/authorize":
                grant = self.get_authorization_grant(request)
                answer: _Answer = self.create_authorization_response(request, self.claims, grant)
                return answer
            case "/token":
                answer = self.create_token_response(request)
                return answer
        return _Answer(404, {}, {})

    # --- What Authlib asks for ---------------------------------------------------------------------------------
    def query_client(self, client_id: str) -> _Client | None:
        return _Client(self.redirect_uri) if client_id == CLIENT_ID else None

    def save_token(self, token: Any, request: Any) -> None:
        """No access token is ever used."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Any) -> Any:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> _Answer:
        return _Answer(status, body, dict(headers))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    provider: AuthlibProvider


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._send("")

    def do_POST(self) -> None:
        self._send(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def _send(self, body: str) -> None:
        answer = self.server.provider.answer(_Request(self.command, self.path, body, self.headers))
        content = answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in (answer.headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def serving() -> Iterator[AuthlibProvider]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.provider = AuthlibProvider(server.server_port)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.provider
        server.shutdown()
