"""Tokens of clients that act for nobody: they provision people (RFC 6749 section 4.4). Only with `SCIM_ENABLED`."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Self

from authlib.oauth2.rfc6749.errors import UnauthorizedClientError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant as Base
from django.conf import settings

from config.audit.log import audit
from config.digests import digest
from config.telemetry.signals import token_issued
from users.models import SigningKey
from users.models.oauth.client import Client
from users.oauth.errors import IrrevocableError
from users.oauth.grants import CLIENT_METHODS
from users.oauth.requests import Request
from users.oauth.tokens import SignedToken

#: Its only scope. No person's token has it.
SCOPE = "scim"


class ClientToken(SignedToken):
    """Proves a client. It names no person, so that the rest of the API refuses it.

    It is withdrawn with the client, with its secret, and with its right to provision people.
    """

    lifetime = timedelta(seconds=settings.SCIM_TOKEN_SECONDS)

    @classmethod
    def for_client(cls, client: Client) -> Self:
        token = cls()
        token.payload |= {
            "sub": json.dumps({"client": client.client_id}, separators=(",", ":")),
            "aud": client.client_id,
            "scopes": [SCOPE],
            "secret": _mark(client),
        }
        return token

    def live_client(self) -> Client | None:
        """Its client, if that may still provision people. One query, which also asks whether the key still exists."""
        if self.scopes != [SCOPE] or "client" not in self.subject:
            return None
        found = Client.objects.filter(client_id=self.subject["client"], provisions_people=True)
        client: Any = found.annotate(is_key_known=SigningKey.objects.have(self.kid)).first()
        return client if client and client.is_key_known and self.get("secret") == _mark(client) else None


def _mark(client: Client) -> str:
    """Tells the present secret from former ones, and nothing else about it."""
    return digest(client.secret_digest)[:16]


class ClientCredentialsGrant(Base):
    """RFC 6749 section 4.4, for confidential clients that may provision people. There is no refresh token."""

    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_METHODS[1:]

    @classmethod
    def check_token_endpoint(cls, request: Request) -> bool:
        return settings.SCIM_ENABLED and super().check_token_endpoint(request)

    def validate_token_request(self) -> None:
        super().validate_token_request()
        if not self.request.client.provisions_people:
            raise UnauthorizedClientError("This client may not provision people.")

    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        client = self.request.client
        token = ClientToken.for_client(client)
        audit.info("Provisioning Token Issued", tag="client_token_issued", client_id=client.client_id)
        token_issued.send(sender=type(self), grant=self.GRANT_TYPE, kind="client")
        body = {
            "token_type": "Bearer",
            "expires_in": token.seconds_left,
            "access_token": str(token),
            "scope": SCOPE,
        }
        return 200, body, self.TOKEN_RESPONSE_HEADER


def refuse_to_revoke(text: str) -> None:
    """Raises IrrevocableError for a valid token of a client, which has no row that could be ended (`/revoke`)."""
    token = ClientToken.read(text)
    if token and token.live_client():
        raise IrrevocableError("Make the client a new secret to withdraw its tokens.")
