"""The routes of OAuth in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError, OAuth2Error, UnsupportedGrantTypeError
from django.conf import settings
from drf_spectacular.utils import extend_schema

from config.api import errors
from config.api.schema.components import Component, header, members, refusals, request, response
from users.oauth.errors import BAD_CREDENTIALS, BAD_REFRESH_TOKEN, BadClientError, BlockedError, TemporaryPasswordError
from users.oauth.grants import token_answer
from users.oauth.schema.parameters import CLIENT_ID, CLIENT_SECRET, OMITTED, SCOPE, optional, parameters, text
from users.oauth.server import server
from users.schema import PAT

_FORM = "application/x-www-form-urlencoded"
_BODIES = "The body may be a form or JSON, whatever its `Content-Type` says; keys may be in snake_case or camelCase."
_NO_STORE = header("Cache-Control", 200, "`no-store`: the answer is a secret.")
_PASSWORD = text(format="password")
_PKCE = "^[A-Za-z0-9._~-]{43,128}$"
_ACCESS_TOKEN = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl"  # noqa: S105 (an example)
_REFRESH_TOKEN = "session.3f0c9a5d7e8b4c1d9a2e6f7081b2c3d4.5d1e.c2lnbmF0dXJl"  # noqa: S105 (an example)
_VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
_CODE = "n0tMuchToSeeHereJustFortyEightRandomCharacters00"
_CALLBACK = "https://app.example.com/oauth/cb/spryker"


def oauth_refusals(*refused: OAuth2Error) -> dict[int, Any]:
    """The given errors, and those of every OAuth route with a body."""
    answers = [server.handle_error_response(None, error) for error in refused]
    always = (errors.TOO_LARGE, errors.UNAVAILABLE, errors.NO_SIGNING_KEY, errors.CRASHED)
    return refusals("oauth", *answers, *always)


def _body(name: str, examples: dict[str, Any], required: list[str], **known: Any) -> Any:
    """A request with these parameters, as a form."""
    return request(_FORM, Component(name, parameters(required, **known)), examples)


AUTHORIZE = extend_schema(
    operation_id="authorize",
    tags=["Tokens"],
    summary="Ask for an authorization code",
    description="The app's own login form sends the person's name and password with a PKCE challenge, and takes the "
    f"code to `POST /token` within {settings.AUTHORIZATION_CODE_SECONDS} seconds. Only `S256`; the redirect address "
    f"must be registered, character by character. {_BODIES}",
    parameters=[_NO_STORE],
    request=_body(
        "AuthorizeRequest",
        {
            "As the Fulfillment App does": {
                "client_id": settings.DEFAULT_CLIENT_ID,
                "response_type": "code",
                "redirect_uri": _CALLBACK,
                "scope": "user",
                "code_challenge": _CHALLENGE,
                "code_challenge_method": "S256",
                "username": PAT.email,
                "password": "correct-Horse-7!",
            }
        },
        ["response_type", "client_id", "code_challenge", "code_challenge_method", "username", "password"],
        response_type={"const": "code"},
        client_id=text(),
        redirect_uri=optional("May be left out where only one is registered."),
        scope=SCOPE,
        state=optional(),
        code_challenge=text(pattern=_PKCE),
        code_challenge_method={"const": "S256"},
        username=text("The e-mail."),
        password=_PASSWORD,
    ),
    responses={
        200: response(
            Component(
                "CodeAnswer",
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 1,
                    "items": members(
                        ["code"],
                        code={"type": "string", "description": "Good for one use."},
                        state={"type": "string", "description": "As sent; absent if it was not."},
                    ),
                },
            ),
            "The code, in an array of one.",
            {"The code": [{"code": _CODE}]},
        ),
        **oauth_refusals(
            InvalidRequestError(),
            BadClientError(is_challenged=False),
            InvalidGrantError(BAD_CREDENTIALS),
            TemporaryPasswordError(),
            BlockedError(240),
        ),
    },
)


# --- POST /token ------------------------------------------------------------------------------------------------
def _grant(title: str, required: list[str], **own: Any) -> dict[str, Any]:
    """The parameters of a grant. Generators of clients name their class by its title."""
    every = {"scope": SCOPE, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return {"title": title} | parameters(required, **own, **every)


_TOKEN_REQUEST = Component(
    "TokenRequest",
    {
        "required": ["grant_type"],
        "anyOf": [
            _grant(
                "AuthorizationCodeGrant",
                ["grant_type", "code", "code_verifier"],
                grant_type={"const": "authorization_code"},
                code=text("Good for one use."),
                code_verifier=text("RFC 7636.", pattern=_PKCE),
                redirect_uri=optional("If it was sent to `/authorize`: the same."),
            ),
            _grant(
                "PasswordGrant",
                ["grant_type", "username", "password"],
                grant_type={"const": "password"},
                username=text("The e-mail."),
                password=_PASSWORD,
            ),
            _grant(
                "RefreshTokenGrant",
                ["grant_type", "refresh_token"],
                grant_type={"const": "refresh_token"},
                refresh_token=text(),
            ),
        ],
    },
)
_TOKEN_ANSWER = Component(
    "TokenAnswer",
    members(
        token_type={"const": "Bearer"},
        expires_in={"type": "integer", "description": "Seconds that the access token is good for."},
        access_token={"type": "string", "description": "A JWT signed with RS256."},
        refresh_token={"type": "string", "description": "Opaque. Good for one use."},
    ),
)

TOKEN = extend_schema(
    operation_id="createToken",
    tags=["Sign in"],
    summary="Sign in, or refresh",
    description="`grant_type=authorization_code` and `grant_type=password` start a session; a code used twice ends "
    "the one it started. `grant_type=refresh_token` goes on with a session and replaces the refresh token. A refresh "
    f"token used twice ends the session, except for one retry within {settings.REFRESH_GRACE_SECONDS} seconds. "
    f"Warehouse refresh tokens are taken here too.\n\n{_BODIES}",
    parameters=[_NO_STORE],
    request=request(
        _FORM,
        _TOKEN_REQUEST,
        {
            "With a code": {
                "grant_type": "authorization_code",
                "client_id": settings.DEFAULT_CLIENT_ID,
                "code": _CODE,
                "code_verifier": _VERIFIER,
                "redirect_uri": _CALLBACK,
            },
            "Sign in": {"grant_type": "password", "username": PAT.email, "password": "correct-Horse-7!"},
            "Refresh": {"grant_type": "refresh_token", "refresh_token": _REFRESH_TOKEN},
        },
    ),
    responses={
        200: response(
            _TOKEN_ANSWER,
            "The tokens.",
            {"The tokens": token_answer(_ACCESS_TOKEN, _REFRESH_TOKEN, settings.ACCESS_TOKEN_SECONDS)},
        ),
        **oauth_refusals(
            InvalidGrantError(BAD_CREDENTIALS),
            TemporaryPasswordError(),
            InvalidGrantError(),
            InvalidRequestError(),
            InvalidRequestError(BAD_REFRESH_TOKEN),
            UnsupportedGrantTypeError("abc"),
            BadClientError(is_challenged=False),
            BlockedError(240),
        ),
    },
)

# --- POST /revoke and POST /introspect --------------------------------------------------------------------------
_HINT = optional("Taken, and not needed.")

REVOKE = extend_schema(
    operation_id="revokeToken",
    tags=["Tokens"],
    summary="Withdraw a token",
    description="RFC 7009. An access or refresh token of a sign-in ends that session with all its tokens; a warehouse "
    "token ends itself and its refresh token. From the next request on, on every server. An unknown token is answered "
    f"alike. {_BODIES}",
    request=_body(
        "RevokeRequest",
        {
            "Sign out": {"token": _REFRESH_TOKEN},
            "Sign out everywhere": {"token": _REFRESH_TOKEN, "everywhere": "true"},
        },
        ["token"],
        token=text(),
        token_type_hint=_HINT,
        everywhere={
            "anyOf": [{"type": "string", "enum": ["true", "false"]}, OMITTED],
            "default": "false",
            "description": "`true` signs the person out of every device. Not by warehouse tokens.",
        },
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
    ),
    responses={
        200: response({"type": "object", "maxProperties": 0}, "It is withdrawn.", {"Done": {}}),
        **oauth_refusals(
            InvalidRequestError(),
            InvalidGrantError(),
            BadClientError(is_challenged=False),
            BadClientError(is_challenged=True),
            BlockedError(240),
        ),
    },
)

_VALID_TOKEN = {
    "active": True,
    "sub": '{"id_warehouse":7}',
    "act": str(PAT.uuid),
    "scope": "warehouse",
    "client_id": settings.DEFAULT_CLIENT_ID,
    "exp": 1_790_604_800,
    "assignment": "a6f8da15-cd2e-4923-89ed-56dc94865418",
    "warehouse": "2d62827f-8d68-4fe7-a0aa-3bd9a425c351",
}

INTROSPECT = extend_schema(
    operation_id="introspectToken",
    tags=["Tokens"],
    summary="Ask whether a token is valid now",
    description="RFC 7662, for confidential clients. Read fresh each time: a token withdrawn a moment ago is inactive. "
    "Whatever is not a valid access or warehouse token is answered with `active: false` and nothing else. "
    f"{_BODIES}",
    parameters=[_NO_STORE],
    request=_body(
        "IntrospectRequest",
        {"With the secret in the body": {"token": _ACCESS_TOKEN, "client_id": "picking", "client_secret": "…"}},
        ["token"],
        token=text(),
        token_type_hint=_HINT,
        client_id=optional(),
        client_secret=CLIENT_SECRET,
    ),
    responses={
        200: response(
            Component(
                "Introspection",
                members(
                    ["active"],
                    active={"type": "boolean"},
                    sub={"type": "string", "description": "JSON in a string, as in the token."},
                    act={"type": "string", "format": "uuid", "description": "The person."},
                    scope={"type": "string"},
                    client_id={"type": "string"},
                    exp={"type": "integer", "description": "Seconds since 1970."},
                    assignment={"type": "string", "format": "uuid", "description": "Of a warehouse token."},
                    warehouse={"type": "string", "format": "uuid", "description": "Of a warehouse token."},
                ),
            ),
            "Whether the token is valid, and its claims.",
            {"A valid warehouse token": _VALID_TOKEN, "Anything else": {"active": False}},
        ),
        **oauth_refusals(InvalidRequestError(), BadClientError(is_challenged=True), BlockedError(240)),
    },
)
