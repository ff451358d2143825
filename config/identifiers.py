"""Identifiers as clients write them."""

import re
from uuid import UUID

_CANONICAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_LARGEST_KEY = 2**63 - 1

#: Stands for "no such row" where a uuid is wanted: all zeros, never issued (RFC 9562 section 5.9).
NIL = UUID(int=0)


def parse_uuid(text: str | None) -> UUID:
    """The uuid in its canonical spelling; anything else becomes NIL, which no row has."""
    return UUID(text) if text and _CANONICAL.fullmatch(text) else NIL


def parse_key(text: str | None) -> int | None:
    """The number in a text, if it could be a primary key: ASCII digits, at most 2**63 - 1. Anything else is None.

    Bounded before it is read: `int()` raises ValueError for more than 4,300 digits.
    """
    if not (text and text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST_KEY))):
        return None
    return key if (key := int(text)) <= _LARGEST_KEY else None
