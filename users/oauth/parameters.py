"""The parameters of OAuth's bodies, as the OpenAPI document tells of them: all are texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from config.schema import TEXT
from users.oauth.requests import MOST_PARAMETERS

OMITTED = {"enum": ["", None], "description": "As if left out (RFC 6749 section 3.1)."}


def text(description: str = "", **schema: Any) -> dict[str, Any]:
    """A parameter that must be there."""
    told = {"description": description} if description else {}
    return TEXT | {"minLength": 1} | schema | told


def optional(description: str = "", **schema: Any) -> dict[str, Any]:
    """One that may be left out, or be sent without a value."""
    return {"anyOf": [text(**schema), OMITTED]} | ({"description": description} if description else {})


def parameters(required: Sequence[str], **known: Any) -> dict[str, Any]:
    """A body: what it must and may say. Further parameters are ignored, if they are texts as these are."""
    return {
        "type": "object",
        "required": list(required),
        "properties": known,
        "additionalProperties": optional(),
        "maxProperties": MOST_PARAMETERS,
    }


CLIENT_ID = optional("The app that asks.") | {"default": settings.DEFAULT_CLIENT_ID}
CLIENT_SECRET = optional(
    "Of a confidential client; or both id and secret in HTTP Basic (RFC 6749 section 2.3.1).", format="password"
)
SCOPE = optional("Narrows what the token may be used for; unknown words are dropped.")
