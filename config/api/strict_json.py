"""JSON that says one thing only."""

from __future__ import annotations

import json
from typing import Any

import orjson


class RepeatedNameError(ValueError):
    """An object has two members of the same name, of which some programs take the first and some the last."""


def loads(text: bytes) -> Any:
    """Raises ValueError for what is no JSON (RFC 8259), and RepeatedNameError where names are not unique (section 4).

    orjson is the stricter parser, but keeps the last of several members without a word; the standard library's finds
    them, at any depth.
    """
    value = orjson.loads(text)
    try:
        _FINDER.decode(text.decode())
    except RecursionError:  # it goes less deep than orjson
        raise ValueError("too deeply nested") from None
    return value


def _refuse_repeated(members: list[tuple[str, Any]]) -> None:
    if len(dict(members)) < len(members):
        raise RepeatedNameError


_FINDER = json.JSONDecoder(object_pairs_hook=_refuse_repeated)
