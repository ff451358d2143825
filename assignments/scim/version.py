"""Versions of resources, for `ETag` and `If-Match` (RFC 7644 section 3.14)."""

from __future__ import annotations

from typing import Any

from config.digests import digest


def version_of(facts: Any) -> str:
    """A weak entity-tag that differs where these facts differ."""
    return f'W/"{digest(repr(facts))[:32]}"'
