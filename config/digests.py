"""The digest under which secrets are kept that have enough random bits to need no slow hash."""

import hashlib


def digest(text: str) -> str:
    """SHA-256 (FIPS 180-4), as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
