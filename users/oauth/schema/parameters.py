"""The parameters of OAuth requests in the OpenAPI document: all are texts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from django.conf import settings

from config.api.schema.components import TEXT
from users.oauth.requests import MAX_PARAMETERS

OMITTED = {"enum": ["", None], "description": "As if left out (RFC 6749 section 3.1)."}


def text(description: str = "", **schema: Any) -> dict[str, Any]:
    """A required parameter."""
    return TEXT | {"minLength": 1} | schema | _described(description)


def optional(description: str = "", **schema: Any) -> dict[str, Any]:
    """A parameter that may be left out or empty."""
    return {"anyOf": [text(**schema), OMITTED]} | _described(description)


def _described(description: str) -> dict[str, str]:
    return {"description": description} if description else {}


def parameters(required: Sequence[str], **known: Any) -> dict[str, Any]:
    """A body with required and optional parameters. Other parameters are ignored, but must be texts.

    A name may also be in camelCase (contract section 2.1), but not in two spellings at once.
    """
    return {
        "type": "object",
        "required": list(required),
        "properties": known,
        "not": {"anyOf": [_both(two) for name in known for two in combinations(_spellings(name), 2)]},
        "additionalProperties": optional(),
        "maxProperties": MAX_PARAMETERS,
    }


def _both(names: Sequence[str]) -> dict[str, Any]:
    return {"required": [*names], "properties": {name: text() for name in names}}


def _spellings(name: str) -> list[str]:
    """`grant_type`, `grantType`, `GrantType`."""
    upper = name.title().replace("_", "")
    return sorted({name, name[0] + upper[1:], upper})


CLIENT_ID = optional("The app that asks.") | {"default": settings.DEFAULT_CLIENT_ID}
CLIENT_SECRET = optional(
    "Of a confidential client; or both id and secret in HTTP Basic (RFC 6749 section 2.3.1).", format="password"
)
SCOPE = optional("Narrows what the token may be used for; unknown words are dropped.")
