"""Token revocation and introspection (RFC 7009, RFC 7662; contract 0.4)."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import TokenEndpoint
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint as Revocation
from authlib.oauth2.rfc7662 import IntrospectionEndpoint as Introspection

from config.audit.log import audit
from config.telemetry.signals import token_introspected
from users.models.oauth.client import Client
from users.oauth.clients.client_credentials import refuse_to_revoke
from users.oauth.grants import CLIENT_METHODS
from users.oauth.requests import Request
from users.oauth.token_lookup import IssuedToken


class _AnyHint(TokenEndpoint):
    """Finds tokens of any kind and ignores `token_type_hint` (RFC 7009 section 2.2)."""

    def check_params(self, request: Request, client: Client) -> None:
        if "token" not in request.form:
            raise InvalidRequestError


class RevocationEndpoint(_AnyHint, Revocation):
    """`POST /revoke`. An unknown token is not an error (RFC 7009 section 2.2).

    The additional parameter `everywhere=true` ends all sessions of the token's person.
    """

    CLIENT_AUTH_METHODS = CLIENT_METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> IssuedToken | None:
        """Raises IrrevocableError."""
        found = self.server.find_to_withdraw(token_string)
        if found is None:
            refuse_to_revoke(token_string)
        return found

    def check_params(self, request: Request, client: Client) -> None:
        super().check_params(request, client)
        if request.form.get("everywhere", "false").lower() not in ("true", "false"):
            raise InvalidRequestError  # as "false", it would leave other sessions live

    def revoke_token(self, token: IssuedToken, request: Request) -> None:
        everywhere = request.form.get("everywhere", "").lower() == "true"
        token.withdraw(everywhere=everywhere)
        audit.info("Token Revoked", tag="token_revoked", client_id=request.client.client_id, everywhere=everywhere)


class IntrospectionEndpoint(_AnyHint, Introspection):
    """`POST /introspect`, for confidential clients. Refresh tokens are answered as unknown."""

    CLIENT_AUTH_METHODS = CLIENT_METHODS[1:]
    #: The method that works whatever the body is.
    IN_HEADER = CLIENT_METHODS[1:2]

    def query_token(self, token_string: str, token_type_hint: str | None) -> IssuedToken | None:
        return self.server.find_access_token(token_string)

    def check_permission(self, token: IssuedToken, client: Client, request: Request) -> bool:
        return True

    def create_introspection_payload(self, token: IssuedToken | None) -> dict[str, Any]:
        payload: dict[str, Any] = super().create_introspection_payload(token)
        token_introspected.send(sender=type(self), active=payload["active"])
        return payload

    def introspect_token(self, token: IssuedToken) -> dict[str, Any]:
        return {"active": True} | token.claims()
