"""Second factors: encrypted TOTP keys, and digests of recovery codes.

The models are proxies of django-otp's, which would store both in clear.
"""

from __future__ import annotations

import hashlib
import time
from base64 import urlsafe_b64encode
from binascii import unhexlify
from typing import Any
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from django_otp.models import DeviceManager
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from config import encryption
from users.models.user import User

logger = structlog.stdlib.get_logger(__name__)

_PURPOSE = "second factors"


# --- Wrong codes ------------------------------------------------------------------------------------------------
class BackOff:
    """Limits the pause of django-otp's `ThrottlingMixin`, which doubles with each wrong code. Must precede it.

    Without a limit, somebody who has the password could lock the second factor for years.
    """

    #: Failures after which the pause no longer grows: at 2 ** 8 seconds, about four minutes.
    MAX_COUNTED = 9
    throttling_failure_count: int

    def verify_is_allowed(self) -> tuple[bool, dict[str, Any] | None]:
        self.throttling_failure_count = min(self.throttling_failure_count, self.MAX_COUNTED)
        return super().verify_is_allowed()  # type: ignore[misc]


# --- TOTP -------------------------------------------------------------------------------------------------------
def sealed(key: str, user_id: int) -> str:
    """A hexadecimal key, encrypted for the column."""
    return encryption.seal(_PURPOSE, unhexlify(key), str(user_id))


class AuthenticatorManager(DeviceManager):
    def reencrypt(self) -> tuple[int, int]:
        """See `config.encryption.reencrypt`."""
        return encryption.reencrypt(self.all(), "key", lambda app: sealed(app.bin_key.hex(), app.user_id))


class Authenticator(BackOff, TOTPDevice):
    """A person's authenticator app. Its key is encrypted with `SECRET_KEY`."""

    objects = AuthenticatorManager()

    class Meta:
        proxy = True
        default_permissions = ()

    @classmethod
    def of_key(cls, user: User, key: str) -> Authenticator:
        """Not saved."""
        return cls(user=user, name="authenticator", key=sealed(key, user.pk))

    @property
    def bin_key(self) -> bytes:
        """Raises InvalidTag if `SECRET_KEY` does not decrypt it."""
        return encryption.unseal(_PURPOSE, self.key, str(self.user_id))

    def shows(self, code: str) -> bool:
        """Whether the code is valid now. If so, saving the row prevents a second use of it."""
        clock = TOTP(self.bin_key, self.step, self.t0, self.digits)
        clock.time = time.time()
        if not (code.isascii() and code.isdigit() and clock.verify(int(code), self.tolerance)):
            return False
        self.last_t = clock.t()
        return True

    def verify_token(self, token: str) -> bool:
        """False for every code if `SECRET_KEY` has changed; recovery codes still work."""
        try:
            return bool(super().verify_token(token))
        except InvalidTag:
            logger.warning("Second Factor Unreadable: SECRET_KEY has changed", user=self.user_id)
            return False


# --- Recovery codes ---------------------------------------------------------------------------------------------
class RecoveryCodes(BackOff, StaticDevice):
    """A person's recovery codes, stored as digests."""

    class Meta:
        proxy = True
        default_permissions = ()


#: CPU and memory cost of scrypt: 16 MiB, 30 ms.
RECOVERY_DIGEST_COST = 2**14


def recovery_digest(person: UUID, code: str) -> str:
    """The digest of a recovery code, in 16 characters.

    By scrypt, since a code has only 40 random bits. Independent of `SECRET_KEY`, so that codes survive its change.
    """
    digest = hashlib.scrypt(code.encode(), salt=person.bytes, n=RECOVERY_DIGEST_COST, r=8, p=1, dklen=12)
    return urlsafe_b64encode(digest).decode()
