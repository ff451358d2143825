"""Parsing of identifiers in requests."""

import re
from uuid import UUID

_CANONICAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MAX_KEY = 2**63 - 1

#: The nil UUID (RFC 9562 section 5.9), which no row has.
NIL = UUID(int=0)


def parse_uuid(text: str | None) -> UUID:
    """The UUID in its canonical text form (RFC 9562 section 4); anything else is `NIL`."""
    return UUID(text) if text and _CANONICAL.fullmatch(text) else NIL


def parse_key(text: str | None) -> int | None:
    """A `bigint` primary key in ASCII digits; anything else is None.

    The length is checked first: `int()` raises ValueError for more than 4,300 digits.
    """
    if not (text and text.isascii() and text.isdigit() and len(text) <= len(str(_MAX_KEY))):
        return None
    return key if (key := int(text)) <= _MAX_KEY else None
