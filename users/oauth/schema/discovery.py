"""The documents under `/.well-known/` in the OpenAPI document."""

from __future__ import annotations

from django.conf import settings
from drf_spectacular.utils import extend_schema

from config.api import errors
from config.api.schema.components import Component, header, members, refusals, response

_MAX_AGE = header("Cache-Control", 200, "How long the answer may be kept.")

# --- GET /.well-known/jwks.json ---------------------------------------------------------------------------------
_KEY = {
    "kty": "RSA",
    "use": "sig",
    "alg": "RS256",
    "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc",
    "e": "AQAB",
}
_KEY_SET = Component(
    "KeySet",
    members(keys={"type": "array", "minItems": 1, "items": members(**{name: {"type": "string"} for name in _KEY})}),
)

KEYS = extend_schema(
    operation_id="listKeys",
    tags=["Tokens"],
    summary="Keys that tokens verify with",
    description="The public keys as a JSON Web Key Set (RFC 7517). Choose the one that the `kid` in a token's header "
    "names.",
    parameters=[_MAX_AGE],
    responses={
        200: response(
            _KEY_SET,
            "The keys, newest first: a new one from before it signs, an old one until its last token has ended.",
            {"One key": {"keys": [_KEY]}},
        ),
        **refusals("oauth", errors.CRASHED),
    },
)

# --- GET /.well-known/oauth-authorization-server ----------------------------------------------------------------
METADATA = extend_schema(
    operation_id="getMetadata",
    tags=["Tokens"],
    summary="Where everything is",
    description="What a client library needs to know about this server (RFC 8414).",
    parameters=[_MAX_AGE],
    responses={
        200: response(
            Component(
                "Metadata",
                {
                    "type": "object",
                    "required": ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"],
                    "additionalProperties": {
                        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
                    },
                },
            ),
            "The metadata.",
            {
                "The metadata": {
                    "issuer": settings.ISSUER,
                    "authorization_endpoint": f"{settings.ISSUER}/authorize",
                    "token_endpoint": f"{settings.ISSUER}/token",
                    "jwks_uri": f"{settings.ISSUER}/.well-known/jwks.json",
                    "code_challenge_methods_supported": ["S256"],
                }
            },
        ),
        **refusals("oauth", errors.CRASHED),
    },
)
