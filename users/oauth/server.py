"""Authlib's authorization server with this site's models, and with error messages of the reference."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from authlib.consts import default_json_headers
from authlib.integrations.django_oauth2 import AuthorizationServer as DjangoAuthorizationServer
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from config.audit.log import audit
from config.telemetry.signals import token_issued
from users.models.oauth.client import Client
from users.oauth.clients.client_credentials import ClientCredentialsGrant
from users.oauth.endpoints import IntrospectionEndpoint, RevocationEndpoint
from users.oauth.errors import BadClientError, BlockedError, message_of
from users.oauth.grants import CodeGrant, PasswordGrant, RotatingGrant, S256Challenge, SessionRefreshGrant
from users.oauth.key_ring import key_ring
from users.oauth.requests import Request
from users.oauth.token_lookup import IssuedToken, SessionToken
from users.oauth.tokens import Scope
from users.sign_in.lockouts import failed_attempts

#: Maximum length of a client's id.
_LOGGED_CHARACTERS = 100


class AuthorizationServer(DjangoAuthorizationServer):
    """Answers `/authorize`, `/token`, `/revoke` and `/introspect`."""

    def __init__(self) -> None:
        super().__init__(client_model=None, token_model=None)
        self._token_kinds: list[type[IssuedToken]] = []

    # --- Requests -----------------------------------------------------------------------------------------------
    def create_oauth2_request(self, request: HttpRequest, body: bytes | None = None) -> Request:
        """Requires a signing key first, so that nothing is written without one."""
        _ = key_ring.current
        return Request(request, body)

    def authorization_response(self, request: HttpRequest) -> HttpResponse:
        """`POST /authorize`. Checks in the order of contract section 2.2, the password last. Raises OAuth2Error."""
        asked = self.create_oauth2_request(request)
        if asked.payload.client_id is None or not CodeGrant.check_authorization_endpoint(asked):
            raise InvalidRequestError  # Authlib's error cannot quote every response type
        grant = self.get_authorization_grant(asked)
        redirect_uri = grant.validate_authorization_request()
        return self.handle_response(*grant.create_authorization_response(redirect_uri, grant.sign_in()))

    # --- Clients ------------------------------------------------------------------------------------------------
    def query_client(self, client_id: str) -> Client | None:
        return Client.objects.known(client_id)

    def authenticate_client(self, request: Request, methods: Any, endpoint: str = "token") -> Client:
        """Tries the attempted method only: a wrong secret never falls back to a public client.

        A right secret is accepted despite earlier failures, so that others cannot lock a client out.
        """
        request.use_default_client()
        method = request.attempted_method
        try:
            return super().authenticate_client(request, [method] if method in methods else [], endpoint)
        except InvalidClientError:
            if method != "none":
                _count_failure(request)
            is_challenged = endpoint != "token" and (method == "client_secret_basic" or "none" not in methods)
            raise BadClientError(is_challenged=is_challenged) from None

    def client_in_header(self, request: HttpRequest) -> Client:
        """The confidential client that proves itself by HTTP Basic: the body is not a form.

        Raises the errors of `/introspect`.
        """
        asked = self.create_oauth2_request(request, body=b"")
        return self.authenticate_client(asked, IntrospectionEndpoint.IN_HEADER, "access")

    # --- Tokens -------------------------------------------------------------------------------------------------
    def register_token(self, kind: type[IssuedToken]) -> None:
        """Adds a kind of token for `/revoke` and `/introspect`."""
        self._token_kinds.append(kind)

    def find_access_token(self, text: str) -> IssuedToken | None:
        """The valid access token in this text, or None. One query."""
        return next(filter(None, (kind.of_access_token(text) for kind in self._token_kinds)), None)

    def find_to_withdraw(self, text: str) -> IssuedToken | None:
        """The access or refresh token in this text, valid or not, or None."""
        ways = [way for kind in self._token_kinds for way in (kind.to_withdraw, kind.of_refresh_token)]
        return next(filter(None, (way(text) for way in ways)), None)

    def save_token(self, token: dict[str, Any], request: Request) -> None:
        """Saves nothing: the grants have saved their rows."""
        kind = token["refresh_token"].partition(".")[0]
        token_issued.send(sender=type(self), grant=request.payload.grant_type, kind=kind)

    # --- Errors -------------------------------------------------------------------------------------------------
    def handle_error_response(self, request: Request | None, error: OAuth2Error) -> HttpResponse:
        """RFC 6749 section 5.2."""
        body = {"error": error.error, "error_description": message_of(error)}
        response = self.handle_response(HTTPStatus.BAD_REQUEST, body, default_json_headers)
        if isinstance(error, BlockedError):
            response.status_code = HTTPStatus.TOO_MANY_REQUESTS
            response["Retry-After"] = str(error.seconds)
        if isinstance(error, BadClientError) and error.is_challenged:
            response.status_code = HTTPStatus.UNAUTHORIZED
            response["WWW-Authenticate"] = 'Basic realm="clients", charset="UTF-8"'
        return response


def _count_failure(request: Request) -> None:
    """Counts and logs a failed authentication of this client from this address.

    Raises BlockedError, without logging, after too many (contract 0.4).
    """
    account = failed_attempts.key_of(f"client {request.attempted_client}")
    if seconds := failed_attempts.blocked_seconds(request.django, account):
        raise BlockedError(seconds)
    failed_attempts.record_failure(request.django, account)
    named = (request.attempted_client or "")[:_LOGGED_CHARACTERS]
    audit.warning("Client Refused", tag="client_refused", client_id=named)


server = AuthorizationServer()
server.register_grant(PasswordGrant)
server.register_grant(CodeGrant, [S256Challenge()])
server.register_grant(SessionRefreshGrant)
server.register_endpoint(RevocationEndpoint)
server.register_endpoint(IntrospectionEndpoint)
server.register_grant(ClientCredentialsGrant)
server.register_token(SessionToken)


# --- Metadata ---------------------------------------------------------------------------------------------------
def metadata() -> AuthorizationServerMetadata:
    """RFC 8414 section 2."""
    grants = [CodeGrant.GRANT_TYPE, PasswordGrant.GRANT_TYPE, RotatingGrant.GRANT_TYPE]
    if settings.SCIM_ENABLED:
        grants.append(ClientCredentialsGrant.GRANT_TYPE)
    return AuthorizationServerMetadata(
        issuer=settings.ISSUER,
        authorization_endpoint=address_of("authorize"),
        token_endpoint=address_of("token"),
        jwks_uri=address_of(".well-known/jwks.json"),
        revocation_endpoint=address_of("revoke"),
        introspection_endpoint=address_of("introspect"),
        scopes_supported=list(Scope),
        response_types_supported=list(CodeGrant.RESPONSE_TYPES),
        grant_types_supported=grants,
        token_endpoint_auth_methods_supported=list(CodeGrant.TOKEN_ENDPOINT_AUTH_METHODS),
        revocation_endpoint_auth_methods_supported=list(RevocationEndpoint.CLIENT_AUTH_METHODS),
        introspection_endpoint_auth_methods_supported=list(IntrospectionEndpoint.CLIENT_AUTH_METHODS),
        code_challenge_methods_supported=list(S256Challenge.SUPPORTED_CODE_CHALLENGE_METHOD),
    )


def address_of(route: str) -> str:
    """Where clients reach the route of this name."""
    return settings.ISSUER + reverse(route).rstrip("/")
