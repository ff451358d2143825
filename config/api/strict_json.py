"""A JSON parser that refuses repeated member names."""

from __future__ import annotations

import json
from typing import Any

import orjson


class RepeatedNameError(ValueError):
    """An object has two members of the same name. Parsers differ in which of them they take."""


def loads(text: bytes) -> Any:
    """Raises ValueError for invalid JSON (RFC 8259), and RepeatedNameError for repeated names (its section 4).

    orjson is the stricter parser, but silently takes the last of several members. The standard library's finds them at
    any depth.
    """
    value = orjson.loads(text)
    try:
        _FINDER.decode(text.decode())
    except RecursionError:  # its limit is lower than that of orjson
        raise ValueError("too deeply nested") from None
    return value


def _refuse_repeated(members: list[tuple[str, Any]]) -> None:
    if len(dict(members)) < len(members):
        raise RepeatedNameError


_FINDER = json.JSONDecoder(object_pairs_hook=_refuse_repeated)
