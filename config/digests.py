"""The digest of stored secrets that have enough random bits not to need a slow hash."""

import hashlib


def digest(text: str) -> str:
    """SHA-256 (FIPS 180-4), as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
