"""How tests hash passwords: Argon2 at its least cost, unless its cost or its time is what is tested."""

from __future__ import annotations

from functools import cache

from django.contrib.auth.hashers import get_hasher, make_password

from users.sign_in.hashers import OwaspArgon2Hasher

#: The setting `PASSWORD_HASHERS` of the site, which the servers of live tests use.
REAL = ["users.sign_in.hashers.OwaspArgon2Hasher"]


class CheapArgon2Hasher(OwaspArgon2Hasher):
    """The site's own with 8 KiB of memory and one pass: 0.1 ms for a password in place of 30."""

    memory_cost = 8
    time_cost = 1


def hashed(password: str) -> str:
    """A hash of the cost that the settings ask for; one for all tests that ask."""
    return _hashed(password, get_hasher().time_cost)


@cache
def _hashed(password: str, time_cost: int) -> str:
    return make_password(password)
