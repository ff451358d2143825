"""Identifiers as clients write them."""

import re
from uuid import UUID

_CANONICAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

#: Stands for "no such row" where a uuid is wanted: all zeros, never issued (RFC 9562 section 5.9).
NIL = UUID(int=0)


def parse_uuid(text: str | None) -> UUID:
    """The uuid in its canonical spelling; anything else becomes NIL, which no row has."""
    return UUID(text) if text and _CANONICAL.fullmatch(text) else NIL
