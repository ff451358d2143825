"""How tests hash passwords: Argon2 at its least cost, unless its cost or its time is what is tested."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from django.contrib.auth.hashers import make_password

from users.models import totp_device
from users.sign_in.hashers import OwaspArgon2Hasher

#: The setting `PASSWORD_HASHERS` of the site, which the servers of live tests use.
REAL = ["users.sign_in.hashers.OwaspArgon2Hasher"]
CHEAP = ["tests.support.hashing.CheapArgon2Hasher"]
#: The same of `users.models.totp_device`, for recovery codes.
REAL_RECOVERY_DIGEST_COST = totp_device.RECOVERY_DIGEST_COST
CHEAP_RECOVERY_DIGEST_COST = 2


class CheapArgon2Hasher(OwaspArgon2Hasher):
    """The site's own with 8 KiB of memory and one pass: 0.1 ms for a password in place of 30."""

    memory_cost = 8
    time_cost = 1


def hashed(password: str) -> str:
    """A hash of the cost that the settings ask for; one for all tests that ask."""
    return _hashed(password, settings.PASSWORD_HASHERS[0])


@cache
def _hashed(password: str, hasher: str) -> str:
    return make_password(password)
