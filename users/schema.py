"""What the OpenAPI document says about people and tokens."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    UnsupportedGrantTypeError,
)
from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension

from config import errors
from config.jsonapi.schema import ResourceSchema, many, one
from config.schema import Answer, ApiSchema, Body, Component, Operation
from users.models import User
from users.oauth import BAD_CREDENTIALS, BAD_REFRESH_TOKEN, BlockedError, server, token_answer
from users.serializers import UserSerializer

PAT = User(
    id=12,
    uuid=UUID("5754b432-8914-45e1-b94e-29453744f57d"),
    email="pat.picker@example.test",
    first_name="Pat",
    last_name="Picker",
    is_warehouse_user=True,
)

USERS = ResourceSchema(
    "Users",
    list=Operation(
        "listUsers",
        "List people",
        "Everybody who is not deleted, for a Back Office user; a warehouse user sees only themselves.",
        many(UserSerializer, PAT, description="The people that the caller may see."),
    ),
    retrieve=Operation(
        "getUser",
        "Read one person",
        "A person whom the caller may not see is answered like one who does not exist.",
        one(UserSerializer, PAT, description="The person."),
    ),
)


class UserToken(OpenApiAuthenticationExtension):
    """How to prove who is calling."""

    target_class = "users.authentication.BearerAuthentication"
    name = "userToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The `access_token` that `POST /token` answers with.",
        }


# --- POST /token ------------------------------------------------------------------------------------------------
_ACCESS_TOKEN = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl"  # noqa: S105 (an example)
_REFRESH_TOKEN = "session.3f0c9a5d7e8b4c1d9a2e6f7081b2c3d4.5d1e.c2lnbmF0dXJl"  # noqa: S105 (an example)

_TOKEN_REQUEST = Component(
    "TokenRequest",
    {
        "type": "object",
        "required": ["grant_type"],
        "properties": {
            "grant_type": {"type": "string", "enum": ["password", "refresh_token"]},
            "username": {"type": "string", "description": "The e-mail. With `password`."},
            "password": {"type": "string", "format": "password", "description": "With `password`."},
            "refresh_token": {"type": "string", "description": "With `refresh_token`."},
            "client_id": {"type": "string", "default": settings.DEFAULT_CLIENT_ID},
            "scope": {
                "type": "string",
                "description": "Narrows what the token may be used for; unknown words are dropped.",
            },
        },
    },
)
_TOKEN_ANSWER = Component(
    "TokenAnswer",
    {
        "type": "object",
        "required": ["token_type", "expires_in", "access_token", "refresh_token"],
        "properties": {
            "token_type": {"const": "Bearer"},
            "expires_in": {"type": "integer", "description": "Seconds that the access token is good for."},
            "access_token": {"type": "string", "description": "A JWT signed with RS256."},
            "refresh_token": {"type": "string", "description": "Opaque. Good for one use."},
        },
    },
)

TOKEN = ApiSchema(
    "Tokens",
    create=Operation(
        "createToken",
        "Sign in, or refresh",
        "`grant_type=password` starts a session; `grant_type=refresh_token` goes on with it and replaces the refresh "
        "token. A refresh token used twice ends the session, except for one retry within "
        f"{settings.REFRESH_GRACE_SECONDS} seconds. Warehouse refresh tokens are taken here too.\n\n"
        "The body may be a form or JSON, whatever its `Content-Type` says; keys may be in snake_case or camelCase.",
        Answer(
            "The tokens.",
            schema=_TOKEN_ANSWER,
            examples={"The tokens": token_answer(_ACCESS_TOKEN, _REFRESH_TOKEN, settings.ACCESS_TOKEN_SECONDS)},
            headers={"Cache-Control": "`no-store`: the answer is a secret."},
        ),
        Body(
            _TOKEN_REQUEST,
            {
                "Sign in": {"grant_type": "password", "username": PAT.email, "password": "correct-Horse-7!"},
                "Refresh": {"grant_type": "refresh_token", "refresh_token": _REFRESH_TOKEN},
            },
            ["application/x-www-form-urlencoded", "application/json"],
        ),
        faults=(errors.TOO_LARGE, errors.UNAVAILABLE),
        refusals=[
            server.handle_error_response(None, error)
            for error in (
                InvalidGrantError(BAD_CREDENTIALS),
                InvalidRequestError(),
                InvalidRequestError(BAD_REFRESH_TOKEN),
                UnsupportedGrantTypeError("abc"),
                InvalidClientError(),
                BlockedError(240),
            )
        ],
    ),
)

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
    {
        "type": "object",
        "required": ["keys"],
        "properties": {
            "keys": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": list(_KEY),
                    "properties": {name: {"type": "string"} for name in _KEY},
                },
            }
        },
    },
)

KEYS = ApiSchema(
    "Tokens",
    list=Operation(
        "listKeys",
        "Keys that tokens verify with",
        "The public keys as a JSON Web Key Set (RFC 7517). Choose the one that the `kid` in a token's header names.",
        Answer(
            "The keys; the first one signs.",
            schema=_KEY_SET,
            examples={"One key": {"keys": [_KEY]}},
            headers={"Cache-Control": "How long the answer may be kept."},
        ),
    ),
)
