"""How passwords are hashed (OWASP), and which spellings of a password are the same (RFC 8265)."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher

from config.text import normal_password


class OwaspArgon2Hasher(Argon2PasswordHasher):
    """Argon2id with OWASP's minimum parameters: 19 MiB of memory (in KiB), two iterations, one lane."""

    memory_cost = 19_456
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """Takes as long as a `verify` that fails: Django hashes once more for an account that does not exist."""
        normal = normal_password(password)
        if normal != password:
            super().encode(password, salt)
        return super().encode(normal, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Also the password as it was typed, which is what hashes of release 0.1.0 are made of."""
        normal = normal_password(password)
        return super().verify(normal, encoded) or (normal != password and super().verify(password, encoded))
